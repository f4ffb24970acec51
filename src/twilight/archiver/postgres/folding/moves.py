"""Ticks and trades, and the candles that they make (storage specification 6.1 and 6.2, decisions S2 and S11)."""

from collections.abc import Sequence
from decimal import Decimal

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.batch import Batch
from twilight.archiver.postgres.memory import Memory
from twilight.archiver.postgres.tables import Row, Table
from twilight.archiver.record import Entry
from twilight.archiver.times import timestamp
from twilight.archiver.trades import TRADING, OrderTrade, trade_of
from twilight.domain.candles import NS_PER_S, Candle
from twilight.wire.types import TraderOrder

__all__ = ["TRADING", "candle_row", "tick", "trade"]


def tick(memory: Memory, batch: Batch, entry: Entry, _rows: Sequence[tuple[Table, Row]]) -> None:
    """Take a price; one that is missing, not positive or of a time to come is stored and left out of candles."""
    price: float = entry.event.price  # type: ignore[union-attr, assignment]
    if not price > 0 or entry.event_ts_ns is None:
        return
    memory.newest_price = price
    if not entry.has_own_time:
        return
    ts_ns, offset = entry.event_ts_ns, entry.source.offset
    for fold in memory.candles:
        for candle in fold.tick(price, ts_ns, offset):
            batch.candles[candle.length_s, candle.start_s] = candle


def trade(memory: Memory, batch: Batch, entry: Entry, order: TraderOrder) -> None:
    """Take an order's state: a trade the first time that it is filled, closed or liquidated."""
    if order.order_status not in TRADING or entry.event_ts_ns is None:
        return
    found = trade_of(order, entry.event_ts_ns, entry.source.offset)
    if found is None or not memory.trades.add(order.uuid, found.trade_kind):
        return
    batch.set(tables.TRADE, (order.uuid, found.trade_kind), _trade_row(entry, found))
    for fold in memory.candles:
        for candle in fold.trade(found.for_candle()):
            batch.candles[candle.length_s, candle.start_s] = candle


def _trade_row(entry: Entry, found: OrderTrade) -> Row:
    volumes = found.for_candle()
    return (
        *entry.source,
        found.order_uuid,
        found.account_id,
        found.trade_kind,
        found.side,
        found.questdb_side,
        found.price,
        found.position_size,
        timestamp(found.ts_ns),
        found.ts_ns,
        _plain(volumes.btc_volume),
        _plain(volumes.usd_volume),
    )


def candle_row(candle: Candle) -> Row:
    """Return a candle's columns in table order."""
    return (
        candle.length_s,
        timestamp(candle.start_s * NS_PER_S),
        timestamp(candle.end_s * NS_PER_S),
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.open_ts_ns,
        candle.close_ts_ns,
        _plain(candle.btc_volume),
        _plain(candle.usd_volume),
        _plain(candle.buy_volume),
        _plain(candle.sell_volume),
        candle.trades,
        candle.price_samples,
        candle.first_offset,
        candle.last_offset,
        candle.carried,
        candle.final,
    )


def _plain(volume: Decimal) -> str:
    """Return a decimal's text with no more places than it needs, so that equal sums are equal texts."""
    return format(volume.normalize(), "f")
