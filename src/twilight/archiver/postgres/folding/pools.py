"""The pool's totals and its share price by minute (storage specification 5.4 and 6.4, decisions S5)."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.batch import Batch
from twilight.archiver.postgres.memory import Memory, PoolTotals
from twilight.archiver.postgres.tables import Row, Table
from twilight.archiver.postgres.values import is_missing, json_text, number
from twilight.archiver.record import Entry
from twilight.domain.model.numbers import round_half_away
from twilight.wire.commands import FundingCycleCommand, LendPoolCommand
from twilight.wire.events import PoolUpdateEvent
from twilight.wire.types import LendOrder

_MINUTE = len("2026-01-01 00:00")


def pool_update(memory: Memory, batch: Batch, entry: Entry, _rows: Sequence[tuple[Table, Row]]) -> None:
    """Take the pool after a command; where the seed era left it out, count it on from the last one known."""
    event = entry.event
    if not isinstance(event, PoolUpdateEvent):
        return
    pool = event.pool
    if pool is not None:
        memory.pool = PoolTotals(
            pool.total_pool_share,
            pool.total_locked_value,
            pool.nonce,
            pool.aggrigate_log_sequence,
            pool.pending_orders.amount,
            len(pool.pending_orders.trader_order_data),
        )
    else:
        memory.pool = counted_on(memory.pool, event.command)
        if memory.pool is None:
            return
        batch.add(tables.LEND_POOL, (*entry.source, *_derived(memory.pool, event.seq)))
    _price_minute(batch, entry, memory.pool)


def counted_on(before: PoolTotals | None, command: LendPoolCommand) -> PoolTotals | None:
    """Return the pool after a seed-era command; before the first deposit nothing is known.

    A deposit leaves its tlv1 and tps1, a withdrawal its tlv3 and tps3, and a batch subtracts the payments since the
    last one (decisions S5), in whole sats as the relayer does.
    """
    variant, payload = command.variant()
    detail: Any = payload
    match variant:
        case "InitiateNewPool":
            order: LendOrder = detail.order
            return PoolTotals(order.tps1, order.tlv1, order.exit_nonce, 1)
        case "LendOrderCreateOrder":
            return _lent(before, detail.order.tps1, detail.order.tlv1)
        case "LendOrderSettleOrder":
            return _lent(before, detail.order.tps3, detail.order.tlv3)
        case _ if before is None:
            return None
        case "BatchExecuteTraderOrder":
            value = before.total_locked_value - round_half_away(before.pending_amount + _cycle_amount(detail))
            return PoolTotals(before.total_pool_share, value, before.nonce + 1, before.aggregate_log_sequence + 1)
        case _:
            return replace(
                before,
                aggregate_log_sequence=before.aggregate_log_sequence + 1,
                pending_amount=before.pending_amount + (number(detail.payment) or 0.0),  # a missing one counts for none
                pending_count=before.pending_count + 1,
            )


def _lent(before: PoolTotals | None, shares: float, value: float) -> PoolTotals:
    pool = before or PoolTotals(shares, value, 0, 0)
    return replace(
        pool,
        total_pool_share=shares,
        total_locked_value=value,
        nonce=pool.nonce + 1,
        aggregate_log_sequence=pool.aggregate_log_sequence + 1,
    )


def _cycle_amount(payload: Any) -> float:  # noqa: ANN401 - a relayer command
    cycle = payload.value
    return (number(cycle.batch.amount) or 0.0) if isinstance(cycle, FundingCycleCommand) else 0.0


def _derived(pool: PoolTotals, sequence: int) -> Row:
    count = pool.pending_count
    summary = {"nonce": pool.nonce, "len": count, "amount": pool.pending_amount, "count": count}
    totals = (pool.total_pool_share, pool.total_locked_value)
    return (
        0,
        pool.nonce,
        pool.aggregate_log_sequence,
        0,
        *totals,
        json_text(summary),
        None,
        None,
        sequence,
        True,
        None,
    )


def _price_minute(batch: Batch, entry: Entry, pool: PoolTotals) -> None:
    """The last price of a minute of the broker's clock stands for it; without shares there is none."""
    tlv, tps = pool.total_locked_value, pool.total_pool_share
    if not tps > 0 or is_missing(tlv):
        return
    key = (entry.source.broker_ts[:_MINUTE],)
    before = batch.get(tables.POOL_MINUTE, key)
    samples = 1 if before is None else int(before[4] or 0) + 1
    price = Decimal(repr(tlv)) / Decimal(repr(tps))
    batch.set(tables.POOL_MINUTE, key, (f"{key[0]}:00+00", price, tlv, tps, samples, entry.source.offset))
