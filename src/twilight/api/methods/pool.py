"""The lending pool: its state, its share price and what it yields. API specification 5.2."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from twilight.api.call import Call
from twilight.api.errors import CallFailed
from twilight.api.methods.charts import RANGES, duration, grid
from twilight.api.registry import Registry
from twilight.api.results import PoolInfo
from twilight.api.scalars import RATE_SCALE, DecimalText, TimeText, decimal_text, time_text

pool = Registry()

_DAY = timedelta(days=1)
_DAYS_A_YEAR = 365


class ApyPoint(Struct, frozen=True):
    """The yearly yield, as a fraction, that the look-back period before a moment would have made."""

    bucket_ts: TimeText
    apy: DecimalText


@pool.method("lend_pool_info", cache_s=0.25)
async def lend_pool_info(call: Call) -> PoolInfo:
    """Return the pool's newest state."""
    row = await call.services.database.row("newest_pool", "lend pool info")
    return PoolInfo(
        row.src_offset,
        row.sequence,
        row.nonce,
        decimal_text(row.total_pool_share),
        decimal_text(row.total_locked_value),
        row.pending_orders,
        row.aggregate_log_sequence,
        row.last_snapshot_id,
    )


@pool.method("pool_share_value", cache_s=0.25)
async def pool_share_value(call: Call) -> float:
    """Return the satoshi locked per pool share."""
    row = await call.services.database.row("newest_pool", "lend pool info")
    if not row.total_pool_share:
        raise CallFailed("Pool share is zero", reason="POOL_SHARE_ZERO")
    return float(row.total_locked_value / row.total_pool_share)


@pool.method("last_day_apy", cache_s=1.0)
async def last_day_apy(call: Call) -> float | None:
    """Return the yield of the last 24 hours, as a fraction a year; null when it is not known."""
    now = datetime.now(UTC)
    rows = await call.services.database.rows(
        "apy_at", "lend pool info", now=now, then=now - _DAY, exponent=_DAYS_A_YEAR
    )
    apy = rows[0].apy if rows else None
    return None if apy is None else float(apy)


@pool.method("apy_chart", cache_s=30.0)
async def apy_chart(call: Call, *, range_: str, step: str | None = None, lookback: str | None = None) -> list[ApyPoint]:
    """Return the yearly yield over time, ascending; points without a value are left out."""
    points = grid(range_, step)
    period = _DAY if lookback is None else duration(RANGES, "lookback", lookback)
    rows = await call.services.database.rows(
        "apy_chart",
        "lend pool info",
        since=points.since,
        until=points.until,
        step=points.step,
        lookback=period,
        exponent=_DAYS_A_YEAR / period.days,
    )
    return [ApyPoint(time_text(row.bucket_ts), decimal_text(row.apy, RATE_SCALE)) for row in rows]
