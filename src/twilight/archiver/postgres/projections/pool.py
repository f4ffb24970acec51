"""The pool after each command, and the commands, nested ones included (storage specification 5.4)."""

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.projections.shape import Projection, Rows
from twilight.archiver.postgres.tables import Row
from twilight.archiver.postgres.values import anomaly_of, json_text, number
from twilight.archiver.record import Entry
from twilight.wire import events as e
from twilight.wire.commands import FundingCycleCommand, LendPool, LendPoolCommand


def _pool_update(entry: Entry, event: e.PoolUpdateEvent) -> Rows:
    for ordinal, row in enumerate(_commands(entry, event.command, event.seq)):
        yield tables.LEND_POOL_COMMAND, (*entry.source._replace(ordinal=ordinal), *row)
    if event.pool is not None:
        numbers = (event.pool.total_pool_share, event.pool.total_locked_value, event.pool.pending_orders.amount)
        anomaly = anomaly_of(entry, numbers)
        yield tables.LEND_POOL, (*entry.source, *_snapshot(event.pool), event.seq, False, anomaly)


def _snapshot(pool: LendPool) -> Row:
    batch = pool.pending_orders
    summary = {
        "nonce": batch.nonce,
        "len": batch.len,
        "amount": number(batch.amount),
        "count": len(batch.trader_order_data),
    }
    return (
        pool.sequence,
        pool.nonce,
        pool.aggrigate_log_sequence,
        pool.last_snapshot_id,
        number(pool.total_pool_share),
        number(pool.total_locked_value),
        json_text(summary),
        json_text(batch) if batch.trader_order_data else None,
        None if pool.last_output_state is None else json_text(pool.last_output_state),
    )


def _commands(entry: Entry, command: LendPoolCommand, seq: int) -> Iterator[Row]:
    """Yield the command's own row, then one for each command of a batch inside it."""
    yield _row(entry, None, command, seq)
    for nested in _batch(command):
        yield _row(entry, 0, nested, seq)


def _row(entry: Entry, parent_ordinal: int | None, command: LendPoolCommand, seq: int) -> Row:
    variant, payload = command.variant()
    order = getattr(payload, "order", None)
    payment = getattr(payload, "payment", getattr(payload, "amount", None))
    cycle = _cycle(command)
    rate = None if cycle is None else cycle.rate
    uuid = None if order is None else order.uuid
    anomaly = anomaly_of(entry, (payment, rate))
    arguments = json_text(_arguments(payload))
    return (parent_ordinal, variant, uuid, number(payment), seq, number(rate), arguments, anomaly)


def _arguments(payload: Any) -> object:  # noqa: ANN401 - any variant's payload
    fields: dict[str, object] = asdict(payload)
    return {name: value for name, value in fields.items() if value is not UNSET}


def _cycle(command: LendPoolCommand) -> FundingCycleCommand | None:
    payload = command.value
    inner = getattr(payload, "FundingCycle", None)
    return inner if isinstance(inner, FundingCycleCommand) else None


def _batch(command: LendPoolCommand) -> tuple[LendPoolCommand, ...]:
    cycle = _cycle(command)
    return () if cycle is None else cycle.batch.trader_order_data


PROJECTIONS: dict[type, Projection] = {e.PoolUpdateEvent: _pool_update}
