"""From a record of an order queue to an input of the engine; nothing that stands there is ever lost (decisions C6)."""

import hashlib
import re
from dataclasses import fields, replace
from math import isfinite
from typing import NamedTuple

from twilight.bus import Record
from twilight.domain.model.commands import CreateTraderOrderSlTp, RpcCommand, SettleOnLimit
from twilight.domain.model.inputs import CommandInput, NotACommand, QueuePosition
from twilight.wire.bincode import HEX_CHARACTERS_MAX
from twilight.wire.commands import decode_command
from twilight.wire.errors import Quarantine
from twilight.wire.translate import Untranslatable, command_from_wire

RECORD_BYTES_MAX = 2**20
"""Two payloads of the largest length (decisions E4) and as much again for everything around them.

A settlement shows its command twice, so no event of it comes near what the log takes.
"""
REQUEST_ID_CHARACTERS_MAX = 256
"""The last 100,000 request ids are remembered, each as long as it is."""

_NO_COMMANDS = (NotACommand, SettleOnLimit)
_REQUEST_ID = re.compile(rb"REQID[0-9A-F]{64}")


class Arrival(NamedTuple):
    """A command, or what stood in its place, and its bytes as they came."""

    given: CommandInput
    value: bytes

    @property
    def is_command(self) -> bool:
        """Whether a client's command stands in the record."""
        return type(self.given.command) not in _NO_COMMANDS


def read_arrival(record: Record, queue: str, topic_id: str) -> Arrival:
    """Return what a record of the queue holds, with where and when the broker took it."""
    value, key_bytes = record.value or b"", record.key or b""
    position = QueuePosition(queue, topic_id, record.offset)
    key = None if record.key is None else record.key.decode(errors="replace")
    fits = len(value) + len(key_bytes) <= RECORD_BYTES_MAX
    command = read_command(value) if fits else _too_large(value, key_bytes)
    return Arrival(CommandInput(command, position, key, record.timestamp_ms), value)


def kept_bytes(value: bytes) -> bytes:
    """Return what is kept of the bytes of a record that is no command: all, or the beginning of what is too large.

    The answer of one that is too large names its length and its SHA-256; whole it stands only on its queue.
    """
    return value[:RECORD_BYTES_MAX]


def read_command(value: bytes) -> RpcCommand | NotACommand:
    """Return the command that the bytes spell, or why they spell none."""
    try:
        command = command_from_wire(decode_command(value))
    except (Quarantine, Untranslatable) as fault:
        return NotACommand(f"not a command: {fault}", request_id_in(value))
    if b"-" in value and b"-0" in value:  # one byte is found many times as fast as two
        command = _without_negative_zeros(command)
    wrong = _too_long(command)
    if wrong is None and b"null" in value:
        wrong = _without_number(command)
    return command if wrong is None else NotACommand(wrong, request_id_in(value))


def request_id_in(value: bytes) -> str:
    """Return the request id that can be read off bytes that are no command, empty if there is none."""
    found = _REQUEST_ID.findall(value)
    return found[-1].decode() if found else ""


def _without_negative_zeros(command: RpcCommand) -> RpcCommand:
    """Return the command with 0 where it says -0.0, which no event may carry (decisions R17)."""
    if isinstance(command, SettleOnLimit):
        return command
    request = command.request
    zeros = {field.name: 0.0 for field in fields(request) if getattr(request, field.name) == 0.0}
    return replace(command, request=replace(request, **zeros))  # type: ignore[arg-type]  # the request's own names


def _without_number(command: RpcCommand) -> str | None:
    """Say which number is null: the wire's word for what is not finite, which no event may carry (engine 6.2)."""
    if isinstance(command, SettleOnLimit):
        return None
    request = command.request
    named = (field.name for field in fields(request) if _is_not_finite(getattr(request, field.name)))
    name = next(named, None)
    return None if name is None else f"not a command: {name} must be a number, was null"


def _is_not_finite(value: object) -> bool:
    return isinstance(value, float) and not isfinite(value)


def _too_large(value: bytes, key: bytes) -> NotACommand:
    return NotACommand(
        f"not a command: key and value must be at most {RECORD_BYTES_MAX} bytes together, were {len(key)} and"
        f" {len(value)}, the value with SHA-256 {hashlib.sha256(value).hexdigest()}",
        request_id_in(value),
    )


def _too_long(command: RpcCommand) -> str | None:
    """Say what is too long for an event to carry (decisions E4)."""
    if isinstance(command, SettleOnLimit):
        return None
    if len(command.request_id) > REQUEST_ID_CHARACTERS_MAX:
        found = len(command.request_id)
        return f"not a command: request id must be at most {REQUEST_ID_CHARACTERS_MAX} characters, was {found}"
    longest = len(command.payload)
    if isinstance(command, CreateTraderOrderSlTp) and command.settle_message is not None:
        longest = max(longest, len(command.settle_message))
    if longest <= HEX_CHARACTERS_MAX:
        return None
    return f"not a command: payload must be at most {HEX_CHARACTERS_MAX} characters, was {longest}"
