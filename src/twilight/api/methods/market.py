"""Prices, candles, funding, fees, positions and trades. API specification 5.1."""

import time
from datetime import UTC, datetime, timedelta
from typing import Literal

from twilight.api.call import Call
from twilight.api.methods.results import (
    Book,
    BookLevel,
    Candle,
    FeeRow,
    FundingRow,
    PositionSize,
    PriceRow,
    Row,
    Trade,
)
from twilight.api.registry import Registry
from twilight.api.scalars import (
    HISTORY_ROWS_MAX,
    Timestamp,
    TimeText,
    clamp_offset,
    clamp_rows,
    decimal_text,
    nanoseconds_text,
    time_text,
)

market = Registry()

Interval = Literal[
    "ONE_MINUTE",
    "FIVE_MINUTE",
    "FIFTEEN_MINUTE",
    "THIRTY_MINUTE",
    "ONE_HOUR",
    "FOUR_HOUR",
    "EIGHT_HOUR",
    "TWELVE_HOUR",
    "ONE_DAY",
    "ONE_DAY_CHANGE",
]
ONE_DAY_CHANGE = "ONE_DAY_CHANGE"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# interval -> (resolution text, query of the base table, length of a base row, length of a candle)
INTERVALS: dict[str, tuple[str, str, timedelta, timedelta]] = {
    "ONE_MINUTE": ("1 minute", "candles_1min", _MINUTE, _MINUTE),
    "FIVE_MINUTE": ("5 minutes", "candles_1min", _MINUTE, 5 * _MINUTE),
    "FIFTEEN_MINUTE": ("15 minutes", "candles_1min", _MINUTE, 15 * _MINUTE),
    "THIRTY_MINUTE": ("30 minutes", "candles_1min", _MINUTE, 30 * _MINUTE),
    "ONE_HOUR": ("1 hour", "candles_1hour", _HOUR, _HOUR),
    "FOUR_HOUR": ("4 hours", "candles_1hour", _HOUR, 4 * _HOUR),
    "EIGHT_HOUR": ("8 hours", "candles_1hour", _HOUR, 8 * _HOUR),
    "TWELVE_HOUR": ("12 hours", "candles_1hour", _HOUR, 12 * _HOUR),
    "ONE_DAY": ("1 day", "candles_1day", _DAY, _DAY),
    ONE_DAY_CHANGE: ("1 day", "candles_1min", _MINUTE, _DAY),
}


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
    resolution, query, base, length = INTERVALS[interval]
    now = datetime.now(UTC)
    if since > now:
        return []
    origin = since if interval == ONE_DAY_CHANGE else _EPOCH
    start = origin + (since - origin) // length * length
    wanted = clamp_rows(limit, HISTORY_ROWS_MAX)
    skipped = min(clamp_offset(offset), 1_000 * HISTORY_ROWS_MAX)
    rows = await call.services.database.rows(
        query,
        "candles info",
        start=start,
        origin=origin,
        length=length,
        base_rows=(wanted + skipped) * (length // base),
        limit=wanted,
        offset=skipped,
    )
    return [_candle(row, resolution, length, time_text(now)) for row in rows]


def _candle(row: Row, resolution: str, length: timedelta, updated_at: TimeText) -> Candle:
    return Candle(
        updated_at=updated_at,
        start=time_text(row.bucket),
        end=time_text(row.bucket + length),
        resolution=resolution,
        low=decimal_text(row.low),
        high=decimal_text(row.high),
        open=decimal_text(row.open),
        close=decimal_text(row.close),
        btc_volume=decimal_text(row.btc_volume),
        trades=int(row.trades),
        usd_volume=decimal_text(row.usd_volume),
    )


@market.method("position_size", cache_s=0.25)
async def position_size(call: Call) -> PositionSize:
    """Return the last known totals of open positions."""
    row = await call.services.database.row("newest_position_size", "position size")
    return PositionSize(decimal_text(row.total_short), decimal_text(row.total_long), decimal_text(row.total))


@market.method("open_limit_orders", cache_s=1.0)
async def open_limit_orders(call: Call) -> Book:
    """Return the ten best price levels of resting limit interest on each side, best first."""
    database = call.services.database
    bid = await database.rows("book_bid", "order info")
    ask = await database.rows("book_ask", "order info")
    return Book([_level(row) for row in bid], [_level(row) for row in ask])


def _level(row: Row) -> BookLevel:
    return BookLevel("", float(row.size), int(row.price_cents) / 100)


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
