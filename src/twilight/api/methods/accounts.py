"""Orders by their owner, who proves it with a signed envelope. API specification 4 and 5.4."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from msgspec import Meta

from twilight.api.call import Call
from twilight.api.database import not_found
from twilight.api.errors import CallFailed
from twilight.api.orders.submission import undecodable
from twilight.api.registry import Registry
from twilight.api.results import (
    FundingPayment,
    LendOrder,
    LendOrderV1,
    Row,
    TraderOrder,
    TraderOrderV1,
    Trigger,
    UnrealisedProfit,
    lend_members,
    trader_members,
)
from twilight.api.scalars import PAGE_ROWS_MAX, PRICE_SCALE, RATE_SCALE, decimal_text, time_text
from twilight.wire import identity
from twilight.wire.client_messages import QueryMessage, decode_message
from twilight.wire.errors import Quarantine
from twilight.wire.identity import IdentityError

accounts = Registry()

Envelope = Annotated[str, Meta(description="hex of a signed query (section 4)")]

WHAT = "order info"
_CLOSED = ("SETTLED", "LIQUIDATE", "CANCELLED")
_YEAR_S = 31_536_000
_SHARE_SCALE = 10_000


def account_of(data: str) -> str:
    """Return the account whose owner signed the envelope.

    Raises:
        CallFailed: ``Invalid hex data``, ``Invalid bincode`` or ``Invalid order params:<reason>``.
    """
    try:
        query = decode_message(QueryMessage, data)
        identity.verify_query(query)
    except Quarantine as unreadable:
        raise undecodable(unreadable) from None
    except IdentityError as refused:
        raise CallFailed(f"Invalid order params:{refused}", reason="INVALID_ORDER_PARAMS") from None
    return query.account_id


@accounts.method("trader_order_info")
async def trader_order_info(call: Call, *, data: Envelope) -> TraderOrder:
    """Return the newest state of the account's newest trader order."""
    return TraderOrder(**trader_members(await _newest(call, "trader_order_of_account", data)))


@accounts.method("historical_trader_order_info")
async def historical_trader_order_info(call: Call, *, data: Envelope) -> list[TraderOrder]:
    """Return the stored states of the account's trader orders, newest first, at most 500."""
    rows = await _history(call, "trader_order_history", data)
    return [TraderOrder(**trader_members(row)) for row in rows]


@accounts.method("trader_order_info_v1")
async def trader_order_info_v1(call: Call, *, data: Envelope) -> TraderOrderV1:
    """Return the account's newest trader order with its triggers and the funding that was applied."""
    row = await _newest(call, "trader_order_of_account", data)
    triggers = await _triggers(call, row)
    return TraderOrderV1(
        **trader_members(row),
        settle_limit=triggers.get("CLOSE_LIMIT"),
        take_profit=triggers.get("TAKE_PROFIT"),
        stop_loss=triggers.get("STOP_LOSS"),
        funding_applied=await _funding_applied(call, row.uuid),
    )


async def _triggers(call: Call, row: Row) -> dict[str, Trigger]:
    if row.order_status in _CLOSED:
        return {}
    rows = await call.services.database.rows("triggers_of_order", WHAT, uuid=row.uuid)
    return {trigger.family: Trigger.of(trigger) for trigger in rows}


async def _funding_applied(call: Call, uuid: object) -> str | None:
    rows = await call.services.database.rows("funding_of_order", WHAT, uuid=uuid)
    return decimal_text(applied(rows[-1])) if rows else None


def applied(row: Row) -> Decimal:
    """Return what funding has taken from an order's margin so far, in satoshi."""
    return Decimal(row.initial_margin - row.available_margin - row.fee_filled)


@accounts.method("order_funding_history")
async def order_funding_history(call: Call, *, data: Envelope) -> list[FundingPayment]:
    """Return what each funding hour cost the account's newest order, ascending."""
    order = await _newest(call, "trader_order_of_account", data)
    rows = await call.services.database.rows("funding_of_order", "funding payment", uuid=order.uuid)
    totals = [applied(row) for row in rows]
    return [
        FundingPayment(
            time_text(row.ts),
            row.position_type,
            decimal_text(total - before),
            decimal_text(row.funding_rate, RATE_SCALE),
            str(row.uuid),
        )
        for row, before, total in zip(rows, [Decimal(0), *totals], totals, strict=False)
    ]


@accounts.method("lend_order_info")
async def lend_order_info(call: Call, *, data: Envelope) -> LendOrder:
    """Return the newest state of the account's newest lend order."""
    return LendOrder(**lend_members(await _newest(call, "lend_order_of_account", data)))


@accounts.method("historical_lend_order_info")
async def historical_lend_order_info(call: Call, *, data: Envelope) -> list[LendOrder]:
    """Return the stored states of the account's lend orders, newest first, at most 500."""
    rows = await _history(call, "lend_order_history", data)
    return [LendOrder(**lend_members(row)) for row in rows]


@accounts.method("lend_order_info_v1")
async def lend_order_info_v1(call: Call, *, data: Envelope) -> LendOrderV1:
    """Return the account's newest lend order with what it has earned."""
    row = await _newest(call, "lend_order_of_account", data)
    pool = await call.services.database.row("newest_pool", "lend pool info")
    profit = unrealised_profit(row, pool.total_locked_value, pool.total_pool_share, datetime.now(UTC))
    return LendOrderV1(**lend_members(row), unrealised_profit=profit)


def unrealised_profit(
    row: Row, total_locked_value: Decimal, total_pool_share: Decimal, now: datetime
) -> UnrealisedProfit:
    """Return what a lend order has earned: its payment once settled, else its shares' value less the deposit."""
    if row.order_status == "SETTLED":
        profit = whole_sats(row.payment)
    elif total_pool_share:
        worth = total_locked_value * row.npoolshare / total_pool_share / _SHARE_SCALE
        profit = whole_sats(worth - row.deposit)
    else:
        profit = Decimal(0)
    age_s = max(1, int((now - row.ts).total_seconds()))
    apr = round(float(profit / row.deposit) * (_YEAR_S / age_s) * 100, PRICE_SCALE) if row.deposit > 0 else 0.0
    return UnrealisedProfit(float(profit), apr, time_text(now))


def whole_sats(amount: Decimal) -> Decimal:
    """Return the amount in whole satoshi, halves away from zero."""
    return amount.quantize(Decimal(1), ROUND_HALF_UP)


async def _newest(call: Call, query: str, data: str) -> Any:  # noqa: ANN401 - a row
    rows = await call.services.database.rows(query, WHAT, account_id=account_of(data))
    if not rows:
        raise not_found(WHAT)
    return rows[0]


async def _history(call: Call, query: str, data: str) -> list[Row]:
    return await call.services.database.rows(query, WHAT, account_id=account_of(data), limit=PAGE_ROWS_MAX)
