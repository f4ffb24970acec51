"""One venue on one port: the thin shell of sockets around a venue's protocol."""

import asyncio
import http
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Origin

from twilight.local.venues.floor import Emission
from twilight.local.venues.model import Link, Venue

QUEUE_FRAMES_MAX: Final = 1_024
FRAME_BYTES_MAX: Final = 1 << 16
DRIP_PIECES_PER_S: Final = 4
PONG_WITHIN_S: Final = 60.0
NO_BROWSERS: Final[tuple[Origin | None, ...]] = (None,)
"""Only clients that send no Origin header: a web page must not reach servers on this machine."""


@dataclass(slots=True, eq=False)
class _Client:
    """A connection, what it subscribed to and what waits to be sent to it."""

    socket: ServerConnection
    link: Link
    opened_s: float
    heard_s: float
    waiting: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(QUEUE_FRAMES_MAX))

    def push(self, text: str) -> None:
        """Queue a frame; a client that does not keep up is cut off, as the venues do."""
        try:
            self.waiting.put_nowait(text)
        except asyncio.QueueFull:
            self.socket.transport.abort()


@dataclass(frozen=True, slots=True)
class Conduct:
    """What the floor tells a server about this moment."""

    refuses: Callable[[str], bool]
    is_mute: Callable[[str], bool]
    drip_bytes_per_s: Callable[[str], int | None]
    snapshot: Callable[[str, str], str | None]
    subscribed: Callable[[str], None]


class VenueServer:
    """Accepts clients of one venue and sends them its frames."""

    def __init__(self, venue: Venue, conduct: Conduct) -> None:
        """Prepare; `start` opens the port."""
        self.venue = venue
        self._conduct = conduct
        self._clients: set[_Client] = set()
        self._server: Server | None = None
        self.frames_sent = 0
        self.connections = 0

    async def start(self, port: int = 0) -> str:
        """Listen on loopback and return the URL that a feeder is to use."""
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            port,
            process_request=self._admit,
            origins=NO_BROWSERS,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            ping_interval=self.venue.ping_interval_s,
            ping_timeout=PONG_WITHIN_S,
            close_timeout=1.0,
        )
        taken = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{taken}{self.venue.path}"

    async def close(self) -> None:
        """Close all connections and the port."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def publish(self, emission: Emission) -> None:
        """Queue a frame for every link that subscribed to its product."""
        for client in self._clients:
            wanted = client.link.products
            if wanted and (emission.product is None or emission.product in wanted):
                client.push(self.venue.wrap(client.link, emission.text))
                self.frames_sent += 1

    def cut(self) -> None:
        """Break all connections off, without a goodbye."""
        for client in self._clients:
            client.socket.transport.abort()

    @property
    def clients(self) -> int:
        """Return how many connections are open."""
        return len(self._clients)

    @property
    def subscribed(self) -> int:
        """Return how many connections have a subscription."""
        return sum(client.link.subscribed for client in self._clients)

    def expire(self, now_s: float) -> None:
        """Cut the links that never subscribed, or on which nothing moved for too long."""
        within, idle = self.venue.subscribe_within_s, self.venue.idle_limit_s
        for client in self._clients:
            late = within is not None and not client.link.subscribed and now_s - client.opened_s > within
            quiet = idle is not None and now_s - client.heard_s > idle
            if late or quiet:
                client.socket.transport.abort()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        del request
        if not self._conduct.refuses(self.venue.name):
            return None
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "closed by a fault\n")

    async def _handle(self, socket: ServerConnection) -> None:
        path = socket.request.path if socket.request is not None else "/"
        now_s = asyncio.get_running_loop().time()
        client = _Client(socket, Link(path), now_s, now_s)
        self._clients.add(client)
        self.connections += 1
        self._answer(client, self.venue.greet(client.link))
        self._welcome(client, frozenset())
        writer = asyncio.create_task(self._write(client))
        try:
            await self._read(client)
        except ConnectionClosed:
            return
        finally:
            self._clients.discard(client)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _read(self, client: _Client) -> None:
        async for message in client.socket:
            client.heard_s = asyncio.get_running_loop().time()
            before = frozenset(client.link.products)
            text = message if isinstance(message, str) else message.decode(errors="replace")
            self._answer(client, self.venue.receive(client.link, text))
            self._welcome(client, before)

    def _answer(self, client: _Client, answers: Iterable[str]) -> None:
        if not self._conduct.is_mute(self.venue.name):
            for text in answers:
                client.push(text)

    def _welcome(self, client: _Client, before: frozenset[str]) -> None:
        """Send the state of newly subscribed products, then count the link as subscribed."""
        for product in sorted(client.link.products - before):
            text = self._conduct.snapshot(self.venue.name, product)
            if text is not None:
                client.push(self.venue.wrap(client.link, text))
        if client.link.subscribed:
            self._conduct.subscribed(self.venue.name)

    async def _write(self, client: _Client) -> None:
        while True:
            text = await client.waiting.get()
            rate = self._conduct.drip_bytes_per_s(self.venue.name)
            try:
                await client.socket.send(text if rate is None else _dripping(text, rate))
            except ConnectionClosed:
                return
            client.heard_s = asyncio.get_running_loop().time()


async def _dripping(text: str, bytes_per_s: int) -> AsyncIterator[str]:
    """Yield a frame in fragments, as fast as the rate allows."""
    step = max(1, bytes_per_s // DRIP_PIECES_PER_S)
    for place in range(0, len(text), step):
        yield text[place : place + step]
        await asyncio.sleep(step / bytes_per_s)
