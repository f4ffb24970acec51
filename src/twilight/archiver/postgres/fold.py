"""The one fold from entries to rows: what each says, and what it changes in the state that the log holds together.

Pure: what it knows beside its entries is a `Memory`. The archiver writes its batches; `twilight audit` and tests run
the same fold over a whole log and compare.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.batch import Batch
from twilight.archiver.postgres.folding import books, moves, pools
from twilight.archiver.postgres.memory import TERMINAL, Memory, OpenOrder
from twilight.archiver.postgres.projections import rows_of
from twilight.archiver.postgres.tables import Row, Table, Value
from twilight.archiver.record import INTEGER_OVERFLOW, UNPLACEABLE, Entry
from twilight.archiver.times import timestamp
from twilight.wire import events as e
from twilight.wire.commands import RpcCommand
from twilight.wire.types import I64_MAX

WALLET = "Twilight-Address"
_CREATES = frozenset({"CreateTraderOrder", "CreateTraderOrderSlTp", "CreateLendOrder"})
_SOURCE = len(tables.SOURCE_COLUMNS)
_STATUS_AT, _MARGIN_AT, _TS_AT, _MAINTENANCE_AT = 3, 10, 11, 15
_LEND_TS_AT = 9


class Fold:
    """Takes entries in offset order and returns what to write."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory if memory is not None else Memory()

    def unknown_orders(self, entries: Iterable[Entry]) -> set[str]:
        """Return the orders whose trades `memory.trades` must learn from the tables before these entries are taken."""
        trading = {
            entry.event.order.uuid
            for entry in entries
            if entry.is_live
            and isinstance(entry.event, _TRADER_ORDERS)
            and entry.event.order.order_status in moves.TRADING
        }
        return self.memory.trades.unknown(trading)

    def take(self, entries: Iterable[Entry]) -> Batch:
        """Return what the entries write; one whose values have no column becomes a dead letter."""
        batch = Batch()
        for entry in entries:
            if entry.is_live:
                rows = _rows(entry)
                batch.extend(rows)
                effect = _EFFECTS.get(type(entry.event))
                if effect is not None and rows:
                    effect(self.memory, batch, entry, rows)
        batch.late = {(fold.length_s, start) for fold in self.memory.candles for start in fold.late}
        for fold in self.memory.candles:
            fold.late.clear()
        return batch


def gather(entries: Iterable[Entry]) -> Batch:
    """Return what entries write, as if nothing had been before them."""
    return Fold().take(entries)


def _rows(entry: Entry) -> Sequence[tuple[Table, Row]]:
    try:
        rows = list(rows_of(entry))
    except ValueError as error:
        entry.bury(UNPLACEABLE, str(error))
        return ()
    if type(entry.event) is e.CurrentPriceUpdateEvent:  # nearly every record, and without a whole number
        return rows
    if any(_overflows(row) for _, row in rows):
        entry.bury(INTEGER_OVERFLOW, f"expected integers up to {I64_MAX}, found a larger one")
        return ()
    return rows


def _overflows(row: Row) -> bool:
    return any(type(value) is int and value > I64_MAX for value in row)


Rows = Sequence[tuple[Table, Row]]
Effect = Callable[[Memory, Batch, Entry, Rows], None]


def _trader_order(memory: Memory, batch: Batch, entry: Entry, rows: Rows) -> None:
    order: Any = entry.event.order  # type: ignore[union-attr]
    offset, (_, row) = entry.source.offset, rows[0]
    columns = row[_SOURCE + 2 : -1]
    before = batch.get(tables.ORDER_CURRENT, (order.uuid,))
    first_ts = columns[_TS_AT] if before is None else before[-2]
    batch.set(tables.ORDER_CURRENT, (order.uuid,), (*columns, first_ts, offset))
    batch.drop_margins(order.uuid)
    moves.trade(memory, batch, entry, order)
    _remember(memory, batch, entry, order)
    _link(batch, entry)


def _funding(memory: Memory, batch: Batch, entry: Entry, rows: Rows) -> None:
    """A funding update of a filled order changes its margins; the rest of its state stays as it was recorded."""
    order: Any = entry.event.order  # type: ignore[union-attr]
    offset, (_, row) = entry.source.offset, rows[0]
    columns = row[_SOURCE:-1]
    moves.trade(memory, batch, entry, order)
    before = batch.get(tables.ORDER_CURRENT, (order.uuid,))
    if before is None:
        batch.set(tables.ORDER_MARGINS, (order.uuid,), (*columns, columns[_TS_AT], offset))
    elif before[_STATUS_AT] == "FILLED":
        batch.set(tables.ORDER_CURRENT, (order.uuid,), with_margins(before, columns, offset))
    if order.uuid not in memory.orders and not memory.trades.has_ended(order.uuid):
        _remember(memory, batch, entry, order)


def with_margins(row: Row, update: Row, offset: Value) -> Row:
    """Return an order's row with available and maintenance margin and liquidation price of the update."""
    changed = list(row)
    changed[_MARGIN_AT] = update[_MARGIN_AT]
    changed[_MAINTENANCE_AT : _MAINTENANCE_AT + 2] = update[_MAINTENANCE_AT : _MAINTENANCE_AT + 2]
    changed[-1] = offset
    return tuple(changed)


def _remember(memory: Memory, batch: Batch, entry: Entry, order: Any) -> None:  # noqa: ANN401 - a trader's order
    if order.order_status in TERMINAL:
        memory.orders.pop(order.uuid, None)
        books.end_triggers(memory, batch, entry, order.uuid)
    else:
        memory.orders[order.uuid] = OpenOrder(
            order.position_type, order.order_status, order.entryprice, order.positionsize
        )
    books.rebook(memory, batch, entry, order.uuid)


def _lend_order(_memory: Memory, batch: Batch, entry: Entry, rows: Rows) -> None:
    columns = rows[0][1][_SOURCE + 1 : -1]
    key = (columns[0],)
    before = batch.get(tables.LEND_CURRENT, key)
    first_ts = columns[_LEND_TS_AT] if before is None else before[-2]
    batch.set(tables.LEND_CURRENT, key, (*columns, first_ts, entry.source.offset))
    _link(batch, entry)


def _link(batch: Batch, entry: Entry) -> None:
    """A create that names a wallet ties it to the account (storage specification 5.6).

    A text longer than an address or an account can be is none: it stays with its command and ties nothing.
    """
    event: Any = entry.event
    command = event.command
    if not isinstance(command, RpcCommand) or command.kind not in _CREATES:
        return
    wallet = command.value.meta.metadata.get(WALLET)  # type: ignore[attr-defined]
    order, (stream, partition, offset, _, _) = event.order, entry.source
    if wallet and max(len(wallet), len(order.account_id)) < tables.INDEXED_CHARACTERS:
        key = (wallet, order.account_id, order.uuid)
        if batch.get(tables.ACCOUNT_LINK, key) is None:
            batch.set(tables.ACCOUNT_LINK, key, (*key, stream, partition, offset, timestamp(entry.event_ts_ns or 0)))


def _funding_rate(memory: Memory, batch: Batch, _entry: Entry, rows: Rows) -> None:
    """A seed-era rate has no price: the newest tick at or before it stands in (storage specification 5.5)."""
    ((table, row),) = rows
    if row[_SOURCE + 1] is None and memory.newest_price is not None:
        batch.rows[table][-1] = (*row[: _SOURCE + 1], memory.newest_price, True, *row[_SOURCE + 3 :])


def _answer(_memory: Memory, batch: Batch, entry: Entry, _rows: Rows) -> None:
    if not entry.event.request_id:  # type: ignore[union-attr]
        batch.unnamed.append(entry.source.offset)


_TRADER_ORDERS = (
    e.TraderOrderEvent,
    e.TraderOrderUpdateEvent,
    e.TraderOrderLimitUpdateEvent,
    e.TraderOrderLiquidationEvent,
    e.TraderOrderFundingUpdateEvent,
)
_EFFECTS: dict[type, Effect] = {
    **dict.fromkeys(_TRADER_ORDERS[:-1], _trader_order),
    e.TraderOrderFundingUpdateEvent: _funding,
    e.LendOrderEvent: _lend_order,
    e.CurrentPriceUpdateEvent: moves.tick,
    e.FundingRateUpdateEvent: _funding_rate,
    e.SortedSetDBUpdateEvent: books.sorted_set,
    e.PoolUpdateEvent: pools.pool_update,
    e.TxHashEvent: _answer,
    e.TxHashUpdateEvent: _answer,
}
