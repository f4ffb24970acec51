"""Between the domain's words and the wire's: events, record keys and commands, in both directions.

The translation is mechanical. What is in a wire value and has no place in the domain raises `Untranslatable`;
nothing is guessed and nothing is dropped. ``shapes`` makes functions of tables of fields, ``records``, ``changes``
and ``commands`` are the tables, ``events`` is what the rest of the exchange calls.
"""

from twilight.wire.translate.events import (
    command_from_wire,
    command_to_wire,
    encode,
    encode_all,
    event_from_wire,
    event_to_wire,
    key_of,
    state_output_from_wire,
)
from twilight.wire.translate.shapes import Untranslatable

__all__ = [
    "Untranslatable",
    "command_from_wire",
    "command_to_wire",
    "encode",
    "encode_all",
    "event_from_wire",
    "event_to_wire",
    "key_of",
    "state_output_from_wire",
]
