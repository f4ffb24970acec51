"""Which rows of QuestDB an event makes: ticks, and the trades that are the first of their kind (decisions S2, S10)."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from twilight.archiver.record import Entry
from twilight.archiver.trades import OrderTrade, trade_of
from twilight.bus import Record
from twilight.wire.events import CurrentPriceUpdateEvent

TRADES_REMEMBERED = 2_000_000
Trades = dict[tuple[str, str], int]
_WANTED = (b"CurrentPriceUpdate", b"TraderOrder")
_HEAD_BYTES = 32


class PriceRow(NamedTuple):
    """A tick."""

    ts_ns: int
    price: float
    seq: int


Ask = Callable[[set[tuple[str, str]]], Trades]


def _nothing(_unknown: set[tuple[str, str]]) -> Trades:
    return {}


class Fresh:
    """Which trades were seen, so that a fill repeated by a later state of its order is one trade.

    Rows that were written before and come again are recognised by their sequence, and written again: the
    database drops them.

    Args:
        seen: the trades that the table holds, by order and kind, with their sequence.
        is_complete: these are all; else what is not remembered must be asked for (`unknown`, `learn`).
        limit: how many are remembered.
    """

    def __init__(self, seen: Trades | None = None, *, is_complete: bool = True, limit: int = TRADES_REMEMBERED) -> None:
        self._seen = seen if seen is not None else {}
        self._is_complete = is_complete
        self._limit = limit

    def unknown(self, wanted: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return the trades of a batch of which only the table can tell; the oldest are forgotten first."""
        surplus = len(self._seen) - self._limit
        if surplus > 0:
            self._is_complete = False
            for trade in list(islice(self._seen, surplus)):
                del self._seen[trade]
        return set() if self._is_complete else set(wanted) - self._seen.keys()

    def learn(self, found: Trades) -> None:
        """Remember what the table holds."""
        self._seen.update(found)

    def is_first(self, order_id: str, kind: str, seq: int) -> bool:
        """Return whether this is the order's first trade of the kind, and remember it as the newest."""
        first = self._seen.pop((order_id, kind), seq)
        self._seen[order_id, kind] = first
        return first == seq


def is_wanted(record: Record) -> bool:
    """Return whether a record can make rows, without decoding it; odd spellings are decoded to be sure."""
    value = record.value
    if value is None:
        return False
    head = value[:_HEAD_BYTES]
    return not head.startswith(b'{"') or any(name in head for name in _WANTED)


def rows_of(entries: Iterable[Entry], fresh: Fresh, ask: Ask = _nothing) -> tuple[list[PriceRow], list[OrderTrade]]:
    """Return the ticks and trades of the entries; duplicates and unreadable records make none.

    Args:
        entries: in log order.
        fresh: what was seen before them.
        ask: answers what the table holds of trades that are not remembered.
    """
    prices, told = _told(entries)
    if unknown := fresh.unknown((trade.order_uuid, trade.trade_kind) for trade in told):
        fresh.learn(ask(unknown))
    return prices, [trade for trade in told if fresh.is_first(trade.order_uuid, trade.trade_kind, trade.offset)]


def _told(entries: Iterable[Entry]) -> tuple[list[PriceRow], list[OrderTrade]]:
    """Return the ticks, and every state of an order that is a trade if it is the first of its kind."""
    prices: list[PriceRow] = []
    trades: list[OrderTrade] = []
    for entry in entries:
        event, ts_ns = entry.event, entry.event_ts_ns
        if event is None or entry.duplicate_of is not None or ts_ns is None:
            continue
        seq = entry.source.offset
        if isinstance(event, CurrentPriceUpdateEvent):
            if event.price > 0 and entry.has_own_time:
                prices.append(PriceRow(ts_ns, event.price, seq))
            continue
        order = getattr(event, "order", None)
        trade = trade_of(order, ts_ns, seq) if order is not None and hasattr(order, "positionsize") else None
        if trade is not None:
            trades.append(trade)
    return prices, trades
