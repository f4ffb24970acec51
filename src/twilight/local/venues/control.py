"""Faults on command: a loopback websocket that takes one JSON command a message.

Commands are ``{"fault": {"kind": "drop", "venues": ["kraken"], "for_s": 5}}``
(``at_s`` counts from now), ``{"clear": ["kraken"]}`` and ``{"status": {}}``.
The answer is ``{"ok": true, "status": {...}}``, or ``{"ok": false, "error": "..."}``.
"""

from collections.abc import Callable

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve

from twilight.local.venues.errors import RefusedCommandError, RefusedFaultError
from twilight.local.venues.faults import AnyFault
from twilight.local.venues.server import FRAME_BYTES_MAX, NO_BROWSERS


class Command(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One message of the control link: exactly one member is set."""

    fault: AnyFault | None = None
    clear: tuple[str, ...] | None = None
    status: dict[str, str] | None = None


class VenueStatus(msgspec.Struct):
    """What one venue server is doing."""

    url: str
    clients: int
    subscribed: int
    connections: int
    frames_sent: int
    faults: list[str]


class Status(msgspec.Struct):
    """What all venue servers are doing; ``started_at_ms`` is the unix time of the market's zero."""

    market: str
    state: str
    started_at_ms: int | None
    control: str
    venues: dict[str, VenueStatus]


class Answer(msgspec.Struct, omit_defaults=True):
    """The answer to a command."""

    ok: bool
    status: Status | None = None
    error: str | None = None


Obey = Callable[[Command], Status]


async def serve_control(obey: Obey) -> tuple[Server, str]:
    """Listen on a free loopback port and return the server and its URL."""

    async def handle(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(msgspec.json.encode(_answer(obey, message)).decode())

    server = await serve(handle, "127.0.0.1", 0, origins=NO_BROWSERS, compression=None, max_size=FRAME_BYTES_MAX)
    return server, f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


async def command(url: str, wanted: Command) -> Status:
    """Send one command and return the status afterwards.

    Raises:
        RefusedCommandError: the servers said no.
        OSError: nobody listens at ``url``.
    """
    async with connect(url, compression=None) as socket:
        await socket.send(msgspec.json.encode(wanted).decode())
        answer = msgspec.json.decode(await socket.recv(), type=Answer)
    if answer.status is None:
        raise RefusedCommandError(answer.error or "no status in the answer")
    return answer.status


def _answer(obey: Obey, message: str | bytes) -> Answer:
    try:
        return Answer(ok=True, status=obey(msgspec.json.decode(message, type=Command)))
    except (msgspec.DecodeError, RefusedFaultError) as error:
        return Answer(ok=False, error=str(error))
