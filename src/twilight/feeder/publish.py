"""The public face of a feeder: one port with the websocket of ticks and four HTTP pages, nothing to write to.

A slow client never holds the others: each has at most one tick waiting, the newest. Specification 9.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import picows
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, WSUpgradeResponse, ws_create_server

from twilight.ops.errors import Unavailable
from twilight.ops.logs import get

SOCKET_PATH: Final = "/v1/ws"
FRAME_BYTES_MAX: Final = 4_096
FRAMES_FROM_CLIENT_MAX: Final = 1_000
KERNEL_BUFFER_BYTES: Final = 16_384
PING_AFTER_S: Final = 30.0
JSON: Final = "application/json"
_log = get(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP answer."""

    body: bytes
    content_type: str = JSON
    status: HTTPStatus = HTTPStatus.OK


Pages = Mapping[str, Callable[[], Page]]


class Subscriber(WSListener):
    """One client of the websocket."""

    def __init__(self, hub: "Hub") -> None:
        super().__init__()
        self._hub = hub
        self._transport: WSTransport | None = None
        self._is_paused = False
        self._waiting: bytes | None = None
        self._frames = 0
        self.skipped = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep what the kernel may hold small, and send the newest tick."""
        self._transport = transport
        underlying = transport.underlying_transport
        underlying.set_write_buffer_limits(high=0)
        handle = underlying.get_extra_info("socket")
        if handle is not None:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)
        self._hub.join(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a close; a client has nothing else to say, and is cut if it says much of it."""
        self._frames += 1
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), b"")
            transport.disconnect()
        elif self._frames > FRAMES_FROM_CLIENT_MAX:
            transport.send_close(picows.WSCloseCode.POLICY_VIOLATION, b"this socket only sends")
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Leave the hub."""
        del transport
        self._transport = None
        self._hub.leave(self)

    def pause_writing(self) -> None:
        """Note that the client is slower than the ticks."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Send the newest tick that came meanwhile."""
        self._is_paused = False
        if self._waiting is not None:
            newest, self._waiting = self._waiting, None
            self.push(newest)

    def push(self, message: bytes) -> None:
        """Send a tick, or keep it in place of an older one until the client has caught up."""
        if self._transport is None:
            return
        if self._is_paused:
            self.skipped += self._waiting is not None
            self._waiting = message
            return
        self._transport.send(WSMsgType.TEXT, message)

    def close(self) -> None:
        """Say goodbye."""
        if self._transport is not None:
            self._transport.send_close(picows.WSCloseCode.GOING_AWAY, b"the feeder stops")
            self._transport.disconnect()


class Hub:
    """All clients of the websocket."""

    def __init__(self, clients_max: int) -> None:
        self._clients: set[Subscriber] = set()
        self._clients_max = clients_max
        self._newest: bytes | None = None

    @property
    def clients(self) -> int:
        """Return how many are connected."""
        return len(self._clients)

    @property
    def is_full(self) -> bool:
        """Say whether one more client would be too many."""
        return len(self._clients) >= self._clients_max

    def join(self, client: Subscriber) -> None:
        """Add a client and send it the newest tick."""
        self._clients.add(client)
        if self._newest is not None:
            client.push(self._newest)

    def leave(self, client: Subscriber) -> None:
        """Forget a client."""
        self._clients.discard(client)

    def publish(self, message: bytes) -> None:
        """Send a tick to all."""
        self._newest = message
        for client in tuple(self._clients):
            client.push(message)

    def close(self) -> None:
        """Say goodbye to all."""
        for client in tuple(self._clients):
            client.close()


class PublicServer:
    """The listening port."""

    def __init__(self, server: asyncio.Server, hub: Hub) -> None:
        self._server = server
        self._hub = hub
        self.port: int = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and close all clients."""
        self._server.close()
        self._hub.close()
        await asyncio.sleep(0)


async def serve(host: str, port: int, hub: Hub, pages: Pages) -> PublicServer:
    """Serve the websocket and the pages.

    Raises:
        Unavailable: the port is taken.
    """

    def admit(request: WSUpgradeRequest) -> WSListener | picows.WSUpgradeResponseWithListener:
        path = request.path.split(b"?", 1)[0].decode("ascii", "replace")
        if path == SOCKET_PATH and not hub.is_full:
            _name_upgrade_alone(request)
            return Subscriber(hub)
        return picows.WSUpgradeResponseWithListener(_response(_page(path, pages)), None)

    try:
        server = await ws_create_server(
            admit,
            host,
            port,
            max_frame_size=FRAME_BYTES_MAX,
            enable_auto_ping=True,
            auto_ping_idle_timeout=PING_AFTER_S,
            auto_ping_reply_timeout=PING_AFTER_S,
            logger_name="public",
        )
    except OSError as error:
        raise Unavailable(f"FEEDER_ADDR: cannot listen on {host}:{port} ({error.strerror}): free it") from error
    return PublicServer(server, hub)


def _name_upgrade_alone(request: WSUpgradeRequest) -> None:
    """Reduce ``Connection`` to the one option that picows knows: some browsers send ``keep-alive, Upgrade``."""
    options = [option.strip().lower() for option in request.headers.get("Connection", "").split(",")]
    if "upgrade" in options:
        request.headers["Connection"] = "Upgrade"


def _page(path: str, pages: Pages) -> Page:
    if path == SOCKET_PATH:
        return Page(b'{"error":"too many clients"}', status=HTTPStatus.SERVICE_UNAVAILABLE)
    make = pages.get(path)
    return Page(b'{"error":"not found"}', status=HTTPStatus.NOT_FOUND) if make is None else make()


def _response(page: Page) -> WSUpgradeResponse:
    headers = {"Content-Type": page.content_type, "Cache-Control": "no-store"}
    is_ok = page.status is HTTPStatus.OK
    made: WSUpgradeResponse = (
        WSUpgradeResponse.create_ok_response(page.body, headers)
        if is_ok
        else WSUpgradeResponse.create_error_response(page.status, page.body, headers)
    )
    return made
