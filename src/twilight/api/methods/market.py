"""Prices, candles, funding, fees, positions and trades. API specification 5.1."""

import time
from datetime import UTC, datetime, timedelta

from twilight.api.book import levels
from twilight.api.call import Call
from twilight.api.candles import Interval, candle_rows
from twilight.api.registry import Registry
from twilight.api.results import (
    Book,
    Candle,
    FeeRow,
    FundingRow,
    PositionSize,
    PriceRow,
    Row,
    Trade,
)
from twilight.api.scalars import (
    HISTORY_ROWS_MAX,
    Timestamp,
    TimeText,
    clamp_offset,
    clamp_rows,
    decimal_text,
    nanoseconds_text,
)

market = Registry()

_DAY = timedelta(days=1)


@market.method("btc_usd_price", cache_s=0.25)
async def btc_usd_price(call: Call) -> PriceRow:
    """Return the newest index price."""
    return PriceRow.of(await call.services.database.row("newest_price", "order info"))


@market.method("historical_price")
async def historical_price(call: Call, *, from_: Timestamp, to: Timestamp, limit: int, offset: int) -> list[PriceRow]:
    """Return the prices from ``from`` (inclusive) to ``to`` (exclusive), ascending."""
    rows = await _history(call, "price_history", from_, to, limit, offset)
    return [PriceRow.of(row) for row in rows]


@market.method("get_funding_rate", cache_s=1.0)
async def get_funding_rate(call: Call) -> FundingRow:
    """Return the newest funding rate."""
    return FundingRow.of(await call.services.database.row("newest_funding_rate", "order info"))


@market.method("historical_funding_rate")
async def historical_funding_rate(
    call: Call, *, from_: Timestamp, to: Timestamp, limit: int, offset: int
) -> list[FundingRow]:
    """Return the funding rates from ``from`` (inclusive) to ``to`` (exclusive), ascending."""
    rows = await _history(call, "funding_history", from_, to, limit, offset)
    return [FundingRow.of(row) for row in rows]


@market.method("get_fee_rate", cache_s=1.0)
async def get_fee_rate(call: Call) -> FeeRow:
    """Return the fee levels that hold now."""
    return FeeRow.of(await call.services.database.row("newest_fees", "order info"))


@market.method("historical_fee_rate")
async def historical_fee_rate(call: Call, *, from_: Timestamp, to: Timestamp, limit: int, offset: int) -> list[FeeRow]:
    """Return the fee levels set from ``from`` (inclusive) to ``to`` (exclusive), ascending."""
    rows = await _history(call, "fee_history", from_, to, limit, offset)
    return [FeeRow.of(row) for row in rows]


async def _history(call: Call, query: str, since: datetime, until: datetime, limit: int, offset: int) -> list[Row]:
    if since >= until:
        return []
    return await call.services.database.rows(
        query,
        "order info",
        since=since,
        until=until,
        limit=clamp_rows(limit, HISTORY_ROWS_MAX),
        offset=clamp_offset(offset),
    )


@market.method("candle_data", cache_s=0.25)
async def candle_data(call: Call, *, interval: Interval, since: Timestamp, limit: int, offset: int) -> list[Candle]:
    """Return the candles from ``since`` on, ascending; intervals without data are left out.

    ``since`` is floored to the interval, but for ``ONE_DAY_CHANGE``, whose windows of 24 hours begin at
    it (decisions A8). As many base rows are read as the asked candles can have, whatever ``since`` is.
    """
    services = call.services
    candles, _ = await candle_rows(services.database, interval, since, limit, offset, services.quest)
    return candles


@market.method("position_size", cache_s=0.25)
async def position_size(call: Call) -> PositionSize:
    """Return the last known totals of open positions."""
    row = await call.services.database.row("newest_position_size", "position size")
    return PositionSize(decimal_text(row.total_short), decimal_text(row.total_long), decimal_text(row.total))


@market.method("open_limit_orders", cache_s=1.0)
async def open_limit_orders(call: Call) -> Book:
    """Return the ten best price levels of resting limit interest on each side, best first."""
    database = call.services.database
    rows = [*await database.rows("book_bid", "order info"), *await database.rows("book_ask", "order info")]
    totals = {(row.side, int(row.price_cents)): float(row.size) for row in rows}
    return Book(levels(totals, "bid"), levels(totals, "ask"))


@market.method("recent_trade_orders", cache_s=0.25)
async def recent_trade_orders(call: Call) -> list[Trade]:
    """Return the newest 25 trades of the last 24 hours, newest first."""
    rows = await call.services.database.rows("recent_trades", "order info", since=datetime.now(UTC) - _DAY)
    return [Trade.of(row) for row in rows]


@market.method("server_time")
async def server_time(call: Call) -> TimeText:
    """Return the server's clock."""
    del call
    return nanoseconds_text(time.time_ns())
