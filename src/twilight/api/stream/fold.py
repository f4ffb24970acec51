"""Events become messages of the streams and states of orders: pure, one record at a time.

API specification 8: prices from ``CurrentPriceUpdate``, trades from the events that carry a trader's
order, by its status alone (decisions S2), so the stream agrees with ``recent_trade_orders``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from twilight.api.orders.view import OrderState
from twilight.api.scalars import time_text
from twilight.bus.records import Record
from twilight.wire.errors import Quarantine
from twilight.wire.events import (
    CurrentPriceUpdateEvent,
    Event,
    LendOrderEvent,
    TraderOrderEvent,
    TraderOrderLimitUpdateEvent,
    TraderOrderLiquidationEvent,
    TraderOrderUpdateEvent,
    decode_event,
)
from twilight.wire.keys import EventKey, decode_key
from twilight.wire.times import time_ns
from twilight.wire.types import TraderOrder

PRICES, TRADES = "live_price_data", "recent_trades"
FILLED_KEPT = 200_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPPOSITE = {"LONG": "SHORT", "SHORT": "LONG"}
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A message for a channel, its result encoded."""

    channel: str
    seq: int
    result: bytes


@dataclass(slots=True)
class Folded:
    """What a batch of records amounts to; ``position`` is where the next one begins."""

    position: int
    messages: list[StreamMessage] = field(default_factory=list)
    orders: list[OrderState] = field(default_factory=list)
    unreadable: int = 0


class TradeMessage(msgspec.Struct, frozen=True):
    """One trade as subscribers see it."""

    order_id: str
    side: str
    price: float
    positionsize: float
    timestamp: str


@dataclass(slots=True)
class Fold:
    """Folds records; remembers which orders were filled, so that a fill is one trade."""

    filled_kept: int = FILLED_KEPT
    _filled: dict[str, None] = field(default_factory=dict)

    def fold(self, records: Iterable[Record], position: int) -> Folded:
        """Return what the records change."""
        folded = Folded(position)
        for record in records:
            if not _is_wanted(record.key):
                continue
            try:
                event = decode_event(record.value or b"", record.timestamp_ms)
                self._add(folded, record.offset, event)
            except (Quarantine, ValueError, OverflowError):  # no event, or one whose time is none
                folded.unreadable += 1
        return folded

    def _add(self, folded: Folded, seq: int, event: Event) -> None:
        if isinstance(event, CurrentPriceUpdateEvent):
            result = _ENCODER.encode((event.price, clock_text(event.time)))
            folded.messages.append(StreamMessage(PRICES, seq, result))
        elif isinstance(event, LendOrderEvent):
            order = event.order
            folded.orders.append(OrderState(order.uuid, order.account_id, order.order_status))
        elif isinstance(event, TraderOrderLimitUpdateEvent):
            self._note(folded, event.order)
        elif isinstance(event, (TraderOrderEvent, TraderOrderUpdateEvent, TraderOrderLiquidationEvent)):
            self._note(folded, event.order)
            trade = self._trade(event.order)
            if trade is not None:
                folded.messages.append(StreamMessage(TRADES, seq, _ENCODER.encode(trade)))

    def _note(self, folded: Folded, order: TraderOrder) -> None:
        folded.orders.append(OrderState(order.uuid, order.account_id, order.order_status))

    def _trade(self, order: TraderOrder) -> TradeMessage | None:
        price_of = _TRADE_PRICES.get(order.order_status)
        if price_of is None or (order.order_status == "FILLED" and not self._is_first_fill(order.uuid)):
            return None
        opened = order.order_status == "FILLED"
        side = order.position_type if opened else _OPPOSITE.get(order.position_type, order.position_type)
        return TradeMessage(order.uuid, side, price_of(order), order.positionsize, clock_text(order.timestamp))

    def _is_first_fill(self, uuid: str) -> bool:
        if uuid in self._filled:
            return False
        self._filled[uuid] = None
        if len(self._filled) > self.filled_kept:
            del self._filled[next(iter(self._filled))]
        return True


_TRADE_PRICES: dict[str, Callable[[TraderOrder], float]] = {
    "FILLED": lambda order: order.entryprice,
    "SETTLED": lambda order: order.settlement_price or order.execution_price,
    "LIQUIDATE": lambda order: order.settlement_price or order.liquidation_price,
}
_WANTED = frozenset(
    (
        "CurrentPriceUpdate",
        "TraderOrder",
        "TraderOrderUpdate",
        "TraderOrderLimitUpdate",
        "TraderOrderLiquidation",
        "LendOrder",
    )
)


def _is_wanted(key: bytes | None) -> bool:
    """Whether the record may matter here: keys of before 2024 do not say what the value is."""
    read: Any = decode_key(key)
    return not isinstance(read, EventKey) or read.event_type in _WANTED


def clock_text(text: str) -> str:
    """Return a time of the wire in UTC with ``Z``, as every other answer gives it.

    Raises:
        ValueError, OverflowError: the text is no time, or one that has no year of four digits.
    """
    return time_text(_EPOCH + timedelta(microseconds=time_ns(text) // 1_000))
