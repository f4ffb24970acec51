"""The sockets of the process under uvicorn: one port for everything, the old ones beside it."""

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Iterator

import uvicorn

from twilight.ops.errors import Unavailable
from twilight.ops.settings import host_port

BACKLOG = 2_048


class _Server(uvicorn.Server):
    """Leaves signals to the process's own lifecycle."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listeners:
    """One uvicorn server on several bound sockets."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def ports(self) -> list[int]:
        """The ports, in the order of the addresses."""
        return [listener.getsockname()[1] for listener in self._sockets]

    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._server.server_state.connections) if self._server else 0

    async def serve(self, app: object, socket_protocol: type[asyncio.Protocol], drain_s: float) -> None:
        """Begin to serve; return once connections are accepted."""
        config = uvicorn.Config(
            app,  # type: ignore[arg-type] # uvicorn's alias is narrower than ASGI
            http="httptools",
            ws=socket_protocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(drain_s),
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(self._sockets))
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.01)
        if self._serving.done():
            await self._serving

    async def close(self) -> None:
        """Accept nothing more, let running calls finish, and close every connection."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving


def bind(addresses: Iterable[str]) -> Listeners:
    """Return listeners on the addresses (``host:port``; port 0 takes a free one).

    Raises:
        Unavailable: a port is taken or the host is not ours.
    """
    sockets: list[socket.socket] = []
    for address in addresses:
        host, port = host_port(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sockets.append(listener)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            for opened in sockets:
                opened.close()
            raise Unavailable(f"cannot listen on {address}: {error.strerror}") from None
    return Listeners(sockets)
