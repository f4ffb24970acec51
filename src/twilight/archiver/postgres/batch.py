"""What a batch of entries changes, gathered purely: rows for each table, and the newest state of each key."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from twilight.archiver.postgres.projections import rows_of
from twilight.archiver.postgres.projections.orders import order_columns
from twilight.archiver.postgres.tables import Row, Table
from twilight.archiver.postgres.triggers import OrderEnded, TriggerBatch, trigger_changes
from twilight.archiver.record import Entry
from twilight.archiver.times import nanoseconds, timestamp
from twilight.archiver.trades import OrderTrade, trade_of
from twilight.wire import events as e
from twilight.wire.commands import RpcCommand

TERMINAL = frozenset({"SETTLED", "CANCELLED", "LIQUIDATE"})
CREATES = frozenset({"CreateTraderOrder", "CreateTraderOrderSlTp", "CreateLendOrder"})
WALLET = "Twilight-Address"


@dataclass(frozen=True, slots=True)
class Tick:
    """An accepted price."""

    price: float
    ts_ns: int
    offset: int


@dataclass(slots=True)
class PoolMinute:
    """The pool's last share price within a minute of the broker's clock."""

    tlv: float
    tps: float
    samples: int
    offset: int


@dataclass(slots=True)
class Batch:
    """Everything that one transaction writes, but for what depends on the tables themselves."""

    rows: dict[Table, list[Row]] = field(default_factory=dict)
    orders: dict[str, Row] = field(default_factory=dict)
    lends: dict[str, Row] = field(default_factory=dict)
    links: list[Row] = field(default_factory=list)
    moves: list[Tick | OrderTrade] = field(default_factory=list)
    triggers: TriggerBatch = field(default_factory=TriggerBatch)
    pool_minutes: dict[str, PoolMinute] = field(default_factory=dict)
    orders_touched: set[str] = field(default_factory=set)
    has_unnamed_fills: bool = False


def gather(entries: Iterable[Entry]) -> Batch:
    """Return what the entries change; duplicates and dead records change nothing."""
    batch = Batch()
    for entry in entries:
        if entry.event is None or entry.duplicate_of is not None:
            continue
        for table, row in rows_of(entry):
            batch.rows.setdefault(table, []).append(row)
        effect = _EFFECTS.get(type(entry.event))
        if effect is not None:
            effect(batch, entry, entry.event)
    return batch


def _order(batch: Batch, entry: Entry, event: Any) -> None:  # noqa: ANN401 - the five kinds with a trader's order
    order, offset = event.order, entry.source.offset
    columns, _ = order_columns(order)
    first = batch.orders.get(order.uuid)
    first_ts = first[-2] if first is not None else columns[11]
    batch.orders[order.uuid] = (*columns, first_ts, offset)
    batch.orders_touched.add(order.uuid)
    if order.order_status in TERMINAL:
        batch.triggers.add(OrderEnded(order.uuid, offset))
    if entry.kind in _TRADING_KINDS:
        trade = trade_of(order, nanoseconds(order.timestamp), offset)
        if trade is not None:
            batch.moves.append(trade)
    _link(batch, entry, event)


_TRADING_KINDS = frozenset({"TraderOrder", "TraderOrderUpdate", "TraderOrderLiquidation"})


def _lend(batch: Batch, entry: Entry, event: e.LendOrderEvent) -> None:
    columns, _ = order_columns(event.order)
    first = batch.lends.get(event.order.uuid)
    first_ts = first[-2] if first is not None else columns[9]
    batch.lends[event.order.uuid] = (*columns, first_ts, entry.source.offset)
    _link(batch, entry, event)


def _link(batch: Batch, entry: Entry, event: Any) -> None:  # noqa: ANN401 - an event with an order and a command
    command = event.command
    if not isinstance(command, RpcCommand) or command.kind not in CREATES:
        return
    wallet = command.value.meta.metadata.get(WALLET)  # type: ignore[attr-defined]
    if wallet:
        source = entry.source
        ts = timestamp(entry.event_ts_ns or 0)
        row = (wallet, event.order.account_id, event.order.uuid, source.stream, source.partition, source.offset, ts)
        batch.links.append(row)


def _price(batch: Batch, entry: Entry, event: e.CurrentPriceUpdateEvent) -> None:
    if event.price > 0:
        batch.moves.append(Tick(event.price, nanoseconds(event.time), entry.source.offset))


def _sorted_set(batch: Batch, entry: Entry, event: e.SortedSetDBUpdateEvent) -> None:
    ts = timestamp(nanoseconds(event.time))
    for change in trigger_changes(event.command, ts, entry.source.offset):
        batch.triggers.add(change)


def _pool(batch: Batch, entry: Entry, event: e.PoolUpdateEvent) -> None:
    pool = event.pool
    if pool is None or not pool.total_pool_share > 0:
        return
    minute = entry.source.broker_ts[:16] + ":00+00"
    seen = batch.pool_minutes.get(minute)
    samples = 1 if seen is None else seen.samples + 1
    tlv, tps = pool.total_locked_value, pool.total_pool_share
    batch.pool_minutes[minute] = PoolMinute(tlv, tps, samples, entry.source.offset)


def _answer(batch: Batch, _entry: Entry, event: Any) -> None:  # noqa: ANN401 - TxHash or TxHashUpdate
    if not event.request_id and event.order_status in ("FILLED", "LIQUIDATE"):
        batch.has_unnamed_fills = True


_EFFECTS: dict[type, Callable[[Batch, Entry, Any], None]] = {
    e.TraderOrderEvent: _order,
    e.TraderOrderUpdateEvent: _order,
    e.TraderOrderLimitUpdateEvent: _order,
    e.TraderOrderFundingUpdateEvent: _order,
    e.TraderOrderLiquidationEvent: _order,
    e.LendOrderEvent: _lend,
    e.CurrentPriceUpdateEvent: _price,
    e.SortedSetDBUpdateEvent: _sorted_set,
    e.PoolUpdateEvent: _pool,
    e.TxHashEvent: _answer,
    e.TxHashUpdateEvent: _answer,
}
