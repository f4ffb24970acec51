"""What QuestDB keeps of an event: a price, or a trade (storage specification 7.3, decisions S10)."""

from collections.abc import Iterable
from dataclasses import dataclass

from twilight.archiver.record import Entry
from twilight.archiver.times import nanoseconds
from twilight.archiver.trades import OrderTrade, trade_of
from twilight.wire import events as e

_TRADING = (e.TraderOrderEvent, e.TraderOrderUpdateEvent, e.TraderOrderLiquidationEvent)


@dataclass(frozen=True, slots=True)
class Price:
    """A tick."""

    price: float
    ts_ns: int
    offset: int


Line = Price | OrderTrade


def lines_of(entries: Iterable[Entry]) -> list[Line]:
    """Return the prices and trades of entries, in order; duplicates and dead records give none."""
    lines: list[Line] = []
    for entry in entries:
        event = entry.event
        if event is None or entry.duplicate_of is not None:
            continue
        if isinstance(event, e.CurrentPriceUpdateEvent):
            if event.price > 0:
                lines.append(Price(event.price, nanoseconds(event.time), entry.source.offset))
        elif isinstance(event, _TRADING):
            trade = trade_of(event.order, nanoseconds(event.order.timestamp), entry.source.offset)
            if trade is not None:
                lines.append(trade)
    return lines


def seed_line(trade: OrderTrade) -> str:
    """Return the seed's own line of a trade, without its line feed (storage specification 7.3)."""
    price, amount = repr(trade.price), repr(trade.position_size)
    return f"recentorders side={trade.questdb_side}i,price={price},amount={amount} {trade.ts_ns}"
