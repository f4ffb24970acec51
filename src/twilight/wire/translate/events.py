"""Events, record keys and commands through the tables, and the fast way from an event to its record's bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from twilight.domain.model import commands as domain_commands
from twilight.domain.model import events as domain
from twilight.domain.model import orders, pool
from twilight.wire import commands as wire_commands
from twilight.wire import events as wire
from twilight.wire.keys import EVENT_VERSION, EventKey, encode_key
from twilight.wire.translate.changes import (
    POSITION_SIZE_LOG_COMMAND,
    RISK_ENGINE_COMMAND,
    SORTED_SET_COMMAND,
)
from twilight.wire.translate.commands import LEND_POOL, LEND_POOL_COMMAND, RELAYER_COMMAND, RPC_COMMAND
from twilight.wire.translate.records import (
    ANSWER_ENUMS,
    LEND_ORDER,
    POSITION_SIZE_LOG,
    RISK_STATE,
    STATE_OUTPUT,
    TRADER_ORDER,
)
from twilight.wire.translate.shapes import (
    ENCODER,
    Function,
    NotPlain,
    Shape,
    Untranslatable,
    record,
)
from twilight.wire.types import Output

_BACKSLASH, _NUL = b"\\", rb"\u0000"
_IN_THE_KEY = ("agg_id", "metadata")
_BY_CLIENT = {"order": TRADER_ORDER, "command": RPC_COMMAND}
_BY_ENGINE = {"order": TRADER_ORDER, "command": RELAYER_COMMAND}

_TUPLES: tuple[tuple[type[Any], type[Any], dict[str, Shape]], ...] = (
    (domain.TraderOrderEvent, wire.TraderOrderEvent, _BY_CLIENT),
    (domain.TraderOrderUpdate, wire.TraderOrderUpdateEvent, _BY_ENGINE),
    (domain.TraderOrderLimitUpdate, wire.TraderOrderLimitUpdateEvent, _BY_CLIENT),
    (domain.TraderOrderFundingUpdate, wire.TraderOrderFundingUpdateEvent, _BY_ENGINE),
    (domain.TraderOrderLiquidation, wire.TraderOrderLiquidationEvent, _BY_ENGINE),
    (domain.LendOrderEvent, wire.LendOrderEvent, {"order": LEND_ORDER, "command": RPC_COMMAND}),
    (domain.PoolUpdate, wire.PoolUpdateEvent, {"command": LEND_POOL_COMMAND, "pool": LEND_POOL}),
    (domain.FundingRateUpdate, wire.FundingRateUpdateEvent, {}),
    (domain.CurrentPriceUpdate, wire.CurrentPriceUpdateEvent, {}),
    (domain.SortedSetDBUpdate, wire.SortedSetDBUpdateEvent, {"command": SORTED_SET_COMMAND}),
    (
        domain.PositionSizeLogDBUpdate,
        wire.PositionSizeLogDBUpdateEvent,
        {"command": POSITION_SIZE_LOG_COMMAND, "log": POSITION_SIZE_LOG},
    ),
    (domain.FeeUpdate, wire.FeeUpdateEvent, {"command": RELAYER_COMMAND}),
    (
        domain.RiskEngineUpdate,
        wire.RiskEngineUpdateEvent,
        {"command": RISK_ENGINE_COMMAND, "state": RISK_STATE},
    ),
    (domain.Stop, wire.StopEvent, {}),
)
"""Events whose elements are the event's own fields."""

_BARE: tuple[tuple[type[Any], type[Any], str, type[Any], dict[str, Shape]], ...] = (
    (domain.TxHash, wire.TxHashEvent, "data", orders.TxHashData, ANSWER_ENUMS),
    (domain.TxHashUpdate, wire.TxHashUpdateEvent, "data", orders.TxHashData, ANSWER_ENUMS),
    (domain.RiskParamsUpdate, wire.RiskParamsUpdateEvent, "params", pool.RiskParams, {}),
)
"""Events that are one record."""

Metadata = dict[str, str]
_Reader = Callable[[Any, str, Metadata | None], Any]
_TO_WIRE: dict[type[Any], Function] = {}
_TO_JSON: dict[type[Any], Function] = {}
_FROM_WIRE: dict[type[Any], _Reader] = {}


def _enter_tuple(kind: type[Any], wire_kind: type[Any], changed: Mapping[str, Shape]) -> None:
    shape = record(kind, wire_kind, changed, beside=_IN_THE_KEY)
    _TO_WIRE[kind], _TO_JSON[kind], _FROM_WIRE[wire_kind] = shape.to_wire, shape.to_json, shape.from_wire


def _enter_bare(
    kind: type[Any], wire_kind: type[Any], name: str, body: type[Any], changed: Mapping[str, Shape]
) -> None:
    shape, read = record(body, wire_kind, changed), attrgetter(name)
    _TO_WIRE[kind] = lambda event: shape.to_wire(read(event))
    _TO_JSON[kind] = lambda event: shape.to_json(read(event))
    _FROM_WIRE[wire_kind] = lambda event, agg_id, metadata: kind(shape.from_wire(event), agg_id, metadata)


for _row in _TUPLES:
    _enter_tuple(*_row)
for _bare in _BARE:
    _enter_bare(*_bare)
_TO_JSON[domain.Stop] = lambda event: event.text


def event_to_wire(event: domain.Event) -> wire.Event:
    """Return the wire's structure of an event."""
    found: wire.Event = _TO_WIRE[type(event)](event)
    return found


def event_from_wire(event: wire.Event, agg_id: str, metadata: Metadata | None) -> domain.Event:
    """Return the event that a record's value and the two parts of its key say.

    Raises:
        Untranslatable: the domain has no such value (nor the kind: `AdvanceStateQueue` changes nothing here).
    """
    read = _FROM_WIRE.get(type(event))
    if read is None:
        raise Untranslatable(f"expected an event of the exchange, found {type(event).__name__}")
    found: domain.Event = read(event, agg_id, metadata)
    return found


def key_of(event: domain.Event) -> EventKey:
    """Return the record key of an event."""
    return EventKey(event.agg_id, event.kind, EVENT_VERSION, event.metadata)


def encode_all(events: Iterable[domain.Event]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the record of each event: the exact bytes of its key and of its value (wire 2, 3.1).

    The bytes are those of `encode_event` on what `event_to_wire` gives, for a fraction of the time: what msgspec would
    write differently, or must not be written at all, is left to that way. Neighbours share their metadata if it is one
    object, as in all events of a command.
    """
    metadata, key_end = None, b"null}"
    for event in events:
        to_json, key_middle = _WAYS[type(event)]
        try:
            if event.metadata is not metadata:
                key_end = _encode(event.metadata) + b"}"
                metadata = event.metadata
            value = _encode({event.kind: to_json(event)})
            key = b"".join((b'{"agg_id":', _encode(event.agg_id), key_middle, key_end))
        except (NotPlain, UnicodeEncodeError):
            yield _encode_carefully(event)
            continue
        if (_BACKSLASH in value and _NUL in value) or (_BACKSLASH in key and _NUL in key):
            yield _encode_carefully(event)
        else:
            yield key, value


def encode(event: domain.Event) -> tuple[bytes, bytes]:
    """Return the record of one event; see `encode_all`."""
    return next(encode_all((event,)))


_encode = ENCODER.encode
_WAYS = {
    kind: (to_json, f',"event_type":"{kind.kind}","event_version":"{EVENT_VERSION}","metadata":'.encode())
    for kind, to_json in _TO_JSON.items()
}
"""How to make an event's value, and what stands in its key between aggregate and metadata."""


def _encode_carefully(event: domain.Event) -> tuple[bytes, bytes]:
    return encode_key(key_of(event)), wire.encode_event(event_to_wire(event))


def command_to_wire(command: domain_commands.RpcCommand) -> wire_commands.RpcCommand:
    """Return the wire's structure of a client's command."""
    found: wire_commands.RpcCommand = RPC_COMMAND.to_wire(command)
    return found


def command_from_wire(command: wire_commands.RpcCommand) -> domain_commands.RpcCommand:
    """Return the command that a record of the order queue holds.

    Raises:
        Untranslatable: an enumeration's text is unknown, or payload or request id are missing.
    """
    found: domain_commands.RpcCommand = RPC_COMMAND.from_wire(command)
    return found


def state_output_from_wire(output: Output) -> pool.StateOutput:
    """Return the pool state that a chain output commits to; raises `Untranslatable` for any other output."""
    found: pool.StateOutput = STATE_OUTPUT.from_wire(output)
    return found
