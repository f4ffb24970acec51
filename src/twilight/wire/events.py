"""The seventeen events of the log (wire.md 6): one structure per kind, in both directions.

``decode_event`` reads every shape since 2022 and returns today's (3.4); ``encode_event`` writes the
exact bytes of section 2. Multi-element variants carry their elements as named fields; the four with one
bare element (``TxHash``, ``TxHashUpdate``, ``RiskParamsUpdate``, ``Stop``) are that element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast, get_args, get_type_hints

from msgspec import UNSET, UnsetType

from twilight.wire import errors
from twilight.wire.codec import MessageCodec, encode
from twilight.wire.commands import (
    LendPool,
    LendPoolCommand,
    PositionSizeLogCommand,
    Recalculate,
    RelayerCommand,
    RiskEngineCommand,
    RpcCommand,
    SortedSetCommand,
)
from twilight.wire.reader import OnExtra, Reading
from twilight.wire.types import (
    LendOrder,
    Output,
    PositionSizeLog,
    RiskParams,
    RiskState,
    Tagged,
    TimeText,
    TraderOrder,
    TxHashData,
    Usize,
    Wire,
    WireTuple,
)


def _is_pair(found: object) -> bool:
    return type(found) is list and len(found) == 2  # noqa: PLR2004


class TraderOrderEvent(WireTuple, frozen=True, gc=False):
    """An order entered the book, or left it by command."""

    order: TraderOrder
    command: RpcCommand
    seq: Usize


class TraderOrderUpdateEvent(WireTuple, frozen=True, gc=False):
    """A resting limit order was filled."""

    order: TraderOrder
    command: RelayerCommand
    seq: Usize


class TraderOrderLimitUpdateEvent(WireTuple, frozen=True, gc=False):
    """A close price was set; the prices are in the command."""

    order: TraderOrder
    command: RpcCommand
    seq: Usize


class TraderOrderFundingUpdateEvent(WireTuple, frozen=True, gc=False):
    """Funding was applied to one order. There is no sequence number."""

    order: TraderOrder
    command: RelayerCommand


class TraderOrderLiquidationEvent(WireTuple, frozen=True, gc=False):
    """A position was liquidated, by tick or by funding."""

    order: TraderOrder
    command: RelayerCommand
    seq: Usize


class LendOrderEvent(WireTuple, frozen=True, gc=False):
    """A deposit or a withdrawal."""

    order: LendOrder
    command: RpcCommand
    seq: Usize


class PoolUpdateEvent(WireTuple, frozen=True, gc=False):
    """The pool after a command; ``pool`` is absent before 2023-04."""

    command: LendPoolCommand
    pool: LendPool | None
    seq: Usize

    @staticmethod
    def older(found: Any, record_time: Callable[[], str]) -> Any:  # noqa: ANN401, ARG004 - any JSON value
        """Before 2023-04 there was no pool snapshot."""
        return [found[0], None, found[1]] if _is_pair(found) else found


class FundingRateUpdateEvent(WireTuple, frozen=True, gc=False):
    """The hour's funding rate in percent; ``price`` is absent before 2023-05."""

    rate: float
    price: float | None
    time: TimeText

    @staticmethod
    def older(found: Any, record_time: Callable[[], str]) -> Any:  # noqa: ANN401, ARG004 - any JSON value
        """Before 2023-05 there was no price."""
        return [found[0], None, found[1]] if _is_pair(found) else found


class CurrentPriceUpdateEvent(WireTuple, frozen=True, gc=False):
    """A tick of the price feed, in USD."""

    price: float
    time: TimeText


class SortedSetDBUpdateEvent(WireTuple, frozen=True, gc=False):
    """A change of the price index."""

    command: SortedSetCommand
    time: TimeText

    @staticmethod
    def older(found: Any, record_time: Callable[[], str]) -> Any:  # noqa: ANN401 - any JSON value
        """Before March 2026 the bare command: its time is the record's."""
        return [found, record_time()] if isinstance(found, dict) else found


class PositionSizeLogDBUpdateEvent(WireTuple, frozen=True, gc=False):
    """A change of open position sizes, and the totals after it."""

    command: PositionSizeLogCommand
    totals: PositionSizeLog


class TxHashEvent(TxHashData, frozen=True, gc=False):
    """The answer to a client's request."""


class TxHashUpdateEvent(TxHashData, frozen=True, gc=False):
    """A transaction that the core started itself."""


class StopEvent(Wire, frozen=True, gc=False):
    """A reader's marker; on the wire the bare text."""

    text: str


class AdvanceStateQueueEvent(WireTuple, frozen=True, gc=False):
    """The pool's chain state advanced; the nonce that counts is the output's."""

    nonce: Usize
    output: Output


class FeeUpdateEvent(WireTuple, frozen=True, gc=False):
    """New fee levels."""

    command: RelayerCommand
    time: TimeText


class RiskEngineUpdateEvent(WireTuple, frozen=True, gc=False):
    """A change of exposure or of a switch, and the state after it."""

    command: RiskEngineCommand | Recalculate
    state: RiskState


class RiskParamsUpdateEvent(RiskParams, frozen=True, gc=False):
    """New limits of the risk gate."""


class EventHolder(Tagged, frozen=True, gc=False):
    """A record's value: the one member that is set names the event."""

    CurrentPriceUpdate: CurrentPriceUpdateEvent | UnsetType = UNSET
    TraderOrder: TraderOrderEvent | UnsetType = UNSET
    TxHash: TxHashEvent | UnsetType = UNSET
    RiskEngineUpdate: RiskEngineUpdateEvent | UnsetType = UNSET
    PositionSizeLogDBUpdate: PositionSizeLogDBUpdateEvent | UnsetType = UNSET
    PoolUpdate: PoolUpdateEvent | UnsetType = UNSET
    SortedSetDBUpdate: SortedSetDBUpdateEvent | UnsetType = UNSET
    TraderOrderUpdate: TraderOrderUpdateEvent | UnsetType = UNSET
    TraderOrderLimitUpdate: TraderOrderLimitUpdateEvent | UnsetType = UNSET
    TraderOrderFundingUpdate: TraderOrderFundingUpdateEvent | UnsetType = UNSET
    TraderOrderLiquidation: TraderOrderLiquidationEvent | UnsetType = UNSET
    LendOrder: LendOrderEvent | UnsetType = UNSET
    FundingRateUpdate: FundingRateUpdateEvent | UnsetType = UNSET
    TxHashUpdate: TxHashUpdateEvent | UnsetType = UNSET
    Stop: str | UnsetType = UNSET
    AdvanceStateQueue: AdvanceStateQueueEvent | UnsetType = UNSET
    FeeUpdate: FeeUpdateEvent | UnsetType = UNSET
    RiskParamsUpdate: RiskParamsUpdateEvent | UnsetType = UNSET


Event = (
    CurrentPriceUpdateEvent
    | TraderOrderEvent
    | TxHashEvent
    | RiskEngineUpdateEvent
    | PositionSizeLogDBUpdateEvent
    | PoolUpdateEvent
    | SortedSetDBUpdateEvent
    | TraderOrderUpdateEvent
    | TraderOrderLimitUpdateEvent
    | TraderOrderFundingUpdateEvent
    | TraderOrderLiquidationEvent
    | LendOrderEvent
    | FundingRateUpdateEvent
    | TxHashUpdateEvent
    | StopEvent
    | AdvanceStateQueueEvent
    | FeeUpdateEvent
    | RiskParamsUpdateEvent
)

_EVENTS: Final = MessageCodec(EventHolder, errors.UNKNOWN_EVENT)

EVENT_KINDS: Final = EventHolder.__struct_fields__
_CLASSES: Final[dict[str, type[Event]]] = {
    kind: StopEvent if kind == "Stop" else get_args(hint)[0]
    for kind, hint in get_type_hints(EventHolder, include_extras=True).items()
    if kind in EVENT_KINDS
}
_KINDS: Final = {cls: kind for kind, cls in _CLASSES.items()}
_NAMES: Final = {cls: kind.encode() for cls, kind in _KINDS.items()}


def kind_of(event: Event) -> str:
    """Return the event's name on the wire."""
    return _KINDS[type(event)]


def decode_event(value: bytes | None, broker_ts_ms: int | None, on_extra: OnExtra | None = None) -> Event:
    """Return the event of a record, older shapes made current (wire.md 3.4).

    Args:
        value: the record's value.
        broker_ts_ms: the record's timestamp, the time of events that carried none.
        on_extra: told of (type, member) that the typed form ignores.

    Raises:
        Quarantine: the bytes are no event, or one that we do not know (``UNKNOWN_EVENT``).
    """
    payload = _EVENTS.decode(value, Reading(broker_ts_ms, on_extra)).value
    return StopEvent(payload) if isinstance(payload, str) else cast("Event", payload)


def encode_event(event: Event) -> bytes:
    """Return the exact bytes of an event (wire.md 2), metadata sorted.

    Raises:
        Unencodable: a number is not finite or out of range, or a text holds NUL.
    """
    payload = event.text if isinstance(event, StopEvent) else event
    return b'{"%b":%b}' % (_NAMES[type(event)], encode(payload))
