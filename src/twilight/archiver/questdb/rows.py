"""Which rows of QuestDB an event makes: ticks, and the trades that are the first of their kind (decisions S2, S10)."""

from collections.abc import Iterable
from typing import NamedTuple

from twilight.archiver.record import Entry
from twilight.archiver.trades import OrderTrade, trade_of
from twilight.bus import Record
from twilight.wire.events import CurrentPriceUpdateEvent

TRADES_REMEMBERED = 2_000_000
_WANTED = (b"CurrentPriceUpdate", b"TraderOrder")
_HEAD_BYTES = 32


class PriceRow(NamedTuple):
    """A tick."""

    ts_ns: int
    price: float
    seq: int


class Fresh:
    """Which trades were seen, so that a fill repeated by a later state of its order is one trade.

    Rows that were written before and come again are recognised by their sequence, and written again: the
    database drops them. The oldest are forgotten beyond a limit.
    """

    def __init__(self, seen: dict[tuple[str, str], int] | None = None, limit: int = TRADES_REMEMBERED) -> None:
        self._seen = seen if seen is not None else {}
        self._limit = limit

    def is_first(self, order_id: str, kind: str, seq: int) -> bool:
        """Return whether this is the order's first trade of the kind, and remember it."""
        first = self._seen.setdefault((order_id, kind), seq)
        if len(self._seen) > self._limit:
            del self._seen[next(iter(self._seen))]
        return first == seq


def is_wanted(record: Record) -> bool:
    """Return whether a record can make rows, without decoding it; odd spellings are decoded to be sure."""
    value = record.value
    if value is None:
        return False
    head = value[:_HEAD_BYTES]
    return not head.startswith(b'{"') or any(name in head for name in _WANTED)


def rows_of(entries: Iterable[Entry], fresh: Fresh) -> tuple[list[PriceRow], list[OrderTrade]]:
    """Return the ticks and trades of the entries; duplicates and unreadable records make none."""
    prices: list[PriceRow] = []
    trades: list[OrderTrade] = []
    for entry in entries:
        event, ts_ns = entry.event, entry.event_ts_ns
        if event is None or entry.duplicate_of is not None or ts_ns is None:
            continue
        seq = entry.source.offset
        if isinstance(event, CurrentPriceUpdateEvent):
            if event.price > 0:
                prices.append(PriceRow(ts_ns, event.price, seq))
            continue
        order = getattr(event, "order", None)
        trade = trade_of(order, ts_ns, seq) if order is not None and hasattr(order, "positionsize") else None
        if trade is not None and fresh.is_first(trade.order_uuid, trade.trade_kind, seq):
            trades.append(trade)
    return prices, trades
