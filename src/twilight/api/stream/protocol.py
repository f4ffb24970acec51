"""The websocket of one connection, under uvicorn's server: handshake, frames, pings, back-pressure.

The wire protocol itself is ``websockets``' object without I/O; only what we send to many is written as
ready-made bytes. API specification 8.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from twilight.api.call import Call, Services
from twilight.api.http import plain_path
from twilight.api.jsonrpc import BODY_BYTES_MAX, Core
from twilight.api.stream.channel import text_frame
from twilight.api.stream.session import Session

PING_INTERVAL_S = 60.0
PINGS_MISSED_MAX = 2
INBOX_MAX = 64

_quiet = logging.getLogger("twilight.api.stream.protocol")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """What every connection needs: the core by path (and listener), limits, times."""

    services: Services
    core_for: Callable[[str, int], Core | None]
    ping_interval_s: float = PING_INTERVAL_S
    message_bytes_max: int = BODY_BYTES_MAX


def protocol_class(settings: SocketSettings) -> type["SocketProtocol"]:
    """Return the class that uvicorn makes one object of per websocket."""

    class Bound(SocketProtocol):
        socket_settings = settings

    return Bound


class SocketProtocol(asyncio.Protocol):
    """One websocket connection."""

    socket_settings: SocketSettings

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        del config, app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._connections = cast("set[object]", server_state.connections)
        self._wire = ServerProtocol(max_size=self.socket_settings.message_bytes_max, logger=_quiet)
        self._transport: asyncio.Transport
        self._core: Core | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._fragments: list[bytes] = []
        self._worker: asyncio.Task[None] | None = None
        self._ping_timer: asyncio.TimerHandle | None = None
        self._pings_missed = 0
        self._closing = False
        self.blocked = False
        self.session = Session(self)

    # --- the transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything about the peer."""
        del exc
        self._connections.discard(self)
        self._end()

    def pause_writing(self) -> None:
        """Write nothing more, and take no further requests, until the peer has read."""
        self.blocked = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on with what waited."""
        self.blocked = False
        self._read_on()
        self.session.resume()

    def eof_received(self) -> None:
        """Let the transport close: a half-open websocket is of no use."""

    def data_received(self, data: bytes) -> None:
        """Feed the protocol and act on what it understood."""
        self._wire.receive_data(data)
        self._handle(self._wire.events_received())
        self._flush()

    def shutdown(self) -> None:
        """Say that the server goes away, and close."""
        if not self._closing and self._core is not None:
            self._wire.send_close(CloseCode.SERVICE_RESTART)
        self._flush()
        self._end()
        self._transport.close()

    # --- the sink's side --------------------------------------------------------------------------

    def write(self, frame: bytes) -> None:
        """Send an encoded frame."""
        if not self._closing:
            self._transport.write(frame)

    # --- frames -----------------------------------------------------------------------------------

    def _handle(self, events: Iterable[object]) -> None:
        for event in events:
            if isinstance(event, Request):
                self._accept(event)
            elif isinstance(event, Frame):
                self._frame(event)

    def _accept(self, request: Request) -> None:
        port = self._transport.get_extra_info("sockname")[1]
        self._core = self.socket_settings.core_for(plain_path(request.path.partition("?")[0]), port)
        if self._core is None:
            response = self._wire.reject(HTTPStatus.NOT_FOUND, "Not found\n")
        else:
            response = self._wire.accept(request)
        self._wire.send_response(response)
        self._headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.raw_items()
        ]
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._schedule_ping()
        else:
            self._core = None

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                self._receive(b"".join(self._fragments))
                self._fragments.clear()
        elif frame.opcode is Opcode.PONG:
            self._pings_missed = 0

    def _flush(self) -> None:
        """Write what the protocol wants to say; an empty piece asks for the end of the connection."""
        for piece in self._wire.data_to_send():
            if piece:
                self._transport.write(piece)
            else:
                self._transport.close()
        if self._wire.close_expected():
            self._closing = True
            self._transport.close()

    # --- calls ------------------------------------------------------------------------------------

    def _receive(self, text: bytes) -> None:
        self._inbox.append(text)
        self._inbox_bytes += len(text)
        if self._inbox_is_full():
            self._transport.pause_reading()
        if self._worker is None:
            self._worker = self._loop.create_task(self._work())

    async def _work(self) -> None:
        """Answer the calls of this connection one after the other."""
        core = cast("Core", self._core)
        call = Call(self.socket_settings.services, self._headers, self.session)
        try:
            while self._inbox and not self._closing:
                text = self._inbox.popleft()
                self._inbox_bytes -= len(text)
                reply = await core.answer(text, call)
                if reply.body:
                    self.write(text_frame(reply.body))
                self.session.activate()
                self._read_on()
        finally:
            self._worker = None

    def _inbox_is_full(self) -> bool:
        """Return whether so much waits that nothing more is read: many calls, or as many bytes as one may have."""
        return len(self._inbox) >= INBOX_MAX or self._inbox_bytes >= self.socket_settings.message_bytes_max

    def _read_on(self) -> None:
        if not self.blocked and not self._inbox_is_full() and not self._transport.is_closing():
            self._transport.resume_reading()

    # --- life -------------------------------------------------------------------------------------

    def _schedule_ping(self) -> None:
        self._ping_timer = self._loop.call_later(self.socket_settings.ping_interval_s, self._ping)

    def _ping(self) -> None:
        if self._pings_missed >= PINGS_MISSED_MAX:
            self._end()
            self._transport.abort()
            return
        self._pings_missed += 1
        self._wire.send_ping(b"")
        self._flush()
        self._schedule_ping()

    def _end(self) -> None:
        self._closing = True
        self.session.close()
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        if self._worker is not None:
            self._worker.cancel()
