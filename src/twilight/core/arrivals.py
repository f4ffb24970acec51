"""From a record of an order queue to an input of the engine; nothing that stands there is ever lost (decisions C6)."""

import re
from typing import NamedTuple

from twilight.bus import Record
from twilight.domain.commands import CreateTraderOrderSlTp, RpcCommand, SettleOnLimit
from twilight.domain.inputs import CommandInput, NotACommand, QueuePosition
from twilight.wire.bincode import HEX_CHARACTERS_MAX
from twilight.wire.commands import decode_command
from twilight.wire.errors import Quarantine
from twilight.wire.translate import Untranslatable, command_from_wire

_REQUEST_ID = re.compile(rb"REQID[0-9A-F]{64}")


class Arrival(NamedTuple):
    """A command, or what stood in its place, and its bytes as they came."""

    given: CommandInput
    value: bytes

    @property
    def is_command(self) -> bool:
        """Whether a client's command stands in the record."""
        return not isinstance(self.given.command, NotACommand | SettleOnLimit)


def read_arrival(record: Record, queue: str, topic_id: str) -> Arrival:
    """Return what a record of the queue holds, with where and when the broker took it."""
    value = record.value or b""
    position = QueuePosition(queue, topic_id, record.offset)
    key = None if record.key is None else record.key.decode(errors="replace")
    return Arrival(CommandInput(read_command(value), position, key, record.timestamp_ms), value)


def read_command(value: bytes) -> RpcCommand | NotACommand:
    """Return the command that the bytes spell, or why they spell none."""
    try:
        command = command_from_wire(decode_command(value))
    except (Quarantine, Untranslatable) as fault:
        return NotACommand(f"not a command: {fault}", request_id_in(value))
    too_long = _too_long(command) if len(value) > HEX_CHARACTERS_MAX else None
    return command if too_long is None else NotACommand(too_long, request_id_in(value))


def request_id_in(value: bytes) -> str:
    """Return the request id that can be read off bytes that are no command, empty if there is none."""
    found = _REQUEST_ID.findall(value)
    return found[-1].decode() if found else ""


def _too_long(command: RpcCommand) -> str | None:
    """Say what is too long for an event to carry (decisions E4)."""
    if isinstance(command, SettleOnLimit):
        return None
    texts = [command.payload]
    if isinstance(command, CreateTraderOrderSlTp) and command.settle_message is not None:
        texts.append(command.settle_message)
    longest = max(map(len, texts))
    if longest <= HEX_CHARACTERS_MAX:
        return None
    return f"not a command: payload must be at most {HEX_CHARACTERS_MAX} characters, was {longest}"
