"""Exposure, the risk gate's figures and the market's facts. API specification 5.1 and 5.3."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from twilight.api.call import Call
from twilight.api.methods.charts import grid
from twilight.api.registry import Registry
from twilight.api.results import Row
from twilight.api.scalars import DecimalText, TimeText, decimal_text, time_text

risk = Registry()

HEALTHY, CLOSE_ONLY, HALT = "HEALTHY", "CLOSE_ONLY", "HALT"
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_OFFLINE_AFTER = timedelta(seconds=30)
_LEVERAGE_MAX = 50.0
_SATS_PER_BTC = 100_000_000
_PERCENT = 100


class OpenInterest(Struct, frozen=True):
    """Exposure of the open positions by side, in satoshi."""

    long_exposure: DecimalText
    short_exposure: DecimalText
    last_order_timestamp: TimeText | None


class InterestPoint(Struct, frozen=True):
    """Open interest at a moment, in satoshi, and its change since the point before, in percent."""

    bucket_ts: TimeText
    open_interest: float
    pct_change: float


class RiskParams(Struct, frozen=True):
    """The limits of the risk gate; ``min_position_btc`` in satoshi, ``mm_ratio`` in percent."""

    max_oi_mult: float
    max_net_mult: float
    max_position_pct: float
    min_position_btc: float
    max_leverage: float
    mm_ratio: float


class FundingEstimate(Struct, frozen=True):
    """The last funding rate and what the next would be now, in percent."""

    funding_rate: float | None
    estimated_funding_rate: float
    funding_rate_timestamp: TimeText | None
    estimated_funding_rate_timestamp: TimeText | None


class MarketStats(Struct, frozen=True):
    """The risk gate's figures; every ``_btc`` member is in satoshi despite its name."""

    pool_equity_btc: float
    pool_nav_btc: float | None
    total_long_btc: float
    total_short_btc: float
    total_pending_long_btc: float
    total_pending_short_btc: float
    open_interest_btc: float
    net_exposure_btc: float
    long_pct: float
    short_pct: float
    utilization: float
    max_long_btc: float
    max_short_btc: float
    status: str
    status_reason: str | None
    params: RiskParams
    funding_rate: FundingEstimate


class MarketInfo(Struct, frozen=True):
    """The market's facts in the shape of the seed-level schema."""

    status: str
    base_asset: str
    quote_asset: str
    step_size: int
    tick_size: float
    index_price: float
    oracle_price: float
    price_change24h: float
    next_funding_rate: float
    next_funding_at: TimeText | None
    min_order_size: float
    initial_margin_fraction: float
    maintenance_margin_fraction: float
    volume24h: float
    trades24h: int
    open_interest: float
    incremental_initial_margin_fraction: float
    incremental_position_size: float
    max_position_size: float
    baseline_position_size: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """The figures that the gate decides on, in satoshi."""

    equity: float
    long: float
    short: float
    manual_halt: bool
    manual_close_only: bool
    params: RiskParams

    def status(self) -> tuple[str, str | None]:
        """Return the market's status and the reason of one that is not healthy."""
        if self.manual_halt:
            return HALT, "MANUAL_HALT"
        if self.manual_close_only:
            return CLOSE_ONLY, "MANUAL_CLOSE_ONLY"
        if self.equity <= 0:
            return HALT, "POOL_EQUITY_INVALID"
        return HEALTHY, None

    @property
    def open_interest(self) -> float:
        """Long and short together."""
        return self.long + self.short

    def room(self, net: float) -> float:
        """Return the largest order of the side that would add to ``net``, 0 unless the market is healthy."""
        if self.status()[0] != HEALTHY:
            return 0.0
        return min(
            max(self.params.max_oi_mult * self.equity - self.open_interest, 0.0),
            max(self.params.max_net_mult * self.equity - net, 0.0),
            self.params.max_position_pct * self.equity,
        )

    @property
    def max_long(self) -> float:
        """The largest order on the long side."""
        return self.room(self.long - self.short)

    @property
    def max_short(self) -> float:
        """The largest order on the short side."""
        return self.room(self.short - self.long)


@risk.method("open_interest", cache_s=1.0)
async def open_interest(call: Call) -> OpenInterest:
    """Return margin times leverage of the open positions by side."""
    row = await call.services.database.row("open_interest", "order info")
    return OpenInterest(
        decimal_text(row.long_exposure),
        decimal_text(row.short_exposure),
        None if row.last_ts is None else time_text(row.last_ts),
    )


@risk.method("open_interest_chart", cache_s=30.0)
async def open_interest_chart(call: Call, *, range_: str, step: str | None = None) -> list[InterestPoint]:
    """Return open interest over time, ascending; 0 before the first record."""
    points = grid(range_, step)
    rows = await call.services.database.rows(
        "open_interest_chart", "order info", since=points.since, until=points.until, step=points.step
    )
    values = [float(row.open_interest) for row in rows]
    return [
        InterestPoint(time_text(row.bucket_ts), value, percent_change(before, value))
        for row, before, value in zip(rows, [0.0, *values], values, strict=False)
    ]


def percent_change(before: float, now: float) -> float:
    """Return the change in percent, 0 when there is nothing to compare with."""
    return (now - before) / before * _PERCENT if before else 0.0


@risk.method("get_market_stats", cache_s=1.0)
async def get_market_stats(call: Call) -> MarketStats:
    """Return the figures that the risk gate decides on."""
    row = await call.services.database.row("market_state", "order info")
    exposure = exposure_of(row, fallback_params(call))
    status, reason = exposure.status()
    total = exposure.open_interest
    return MarketStats(
        pool_equity_btc=exposure.equity,
        pool_nav_btc=await _pool_nav(call),
        total_long_btc=exposure.long,
        total_short_btc=exposure.short,
        total_pending_long_btc=float(row.total_pending_long_btc or 0),
        total_pending_short_btc=float(row.total_pending_short_btc or 0),
        open_interest_btc=total,
        net_exposure_btc=exposure.long - exposure.short,
        long_pct=exposure.long / total if total else 0.0,
        short_pct=exposure.short / total if total else 0.0,
        utilization=total / exposure.equity if exposure.equity > 0 else 0.0,
        max_long_btc=exposure.max_long,
        max_short_btc=exposure.max_short,
        status=status,
        status_reason=reason,
        params=exposure.params,
        funding_rate=funding_estimate(row),
    )


async def _pool_nav(call: Call) -> float | None:
    rows = await call.services.database.rows("pool_nav", "order info")
    return float(rows[0].nav) if rows and rows[0].nav is not None else None


def exposure_of(row: Row, fallback: RiskParams) -> Exposure:
    """Return the gate's figures from the newest stored rows; what was never stored counts as 0 or off."""
    params = fallback
    if row.max_oi_mult is not None:
        params = RiskParams(*(float(getattr(row, name)) for name in RiskParams.__struct_fields__))
    return Exposure(
        equity=float(row.total_locked_value or 0),
        long=float(row.total_long_btc or 0),
        short=float(row.total_short_btc or 0),
        manual_halt=bool(row.manual_halt),
        manual_close_only=bool(row.manual_close_only),
        params=params,
    )


def fallback_params(call: Call) -> RiskParams:
    """Return the limits that hold before the core has published any."""
    settings = call.services.settings
    return RiskParams(
        settings.risk_max_oi_mult,
        settings.risk_max_net_mult,
        settings.risk_max_position_pct,
        settings.risk_min_position_btc,
        settings.risk_max_leverage,
        settings.risk_mm_ratio,
    )


def funding_estimate(row: Row) -> FundingEstimate:
    """Return the last funding and the estimate of the next from the position totals."""
    last = row.funding_ts
    return FundingEstimate(
        funding_rate=None if row.funding_rate is None else float(row.funding_rate),
        estimated_funding_rate=estimated_rate(float(row.total_long or 0), float(row.total_short or 0)),
        funding_rate_timestamp=None if last is None else time_text(last),
        estimated_funding_rate_timestamp=None if last is None else time_text(last + _HOUR),
    )


def estimated_rate(long: float, short: float) -> float:
    """Return the funding rate, in percent, that position totals of these sizes give."""
    total = long + short
    if not total:
        return 0.0
    size = ((long - short) / total) ** 2 / 8
    return size if long > short else -size


@risk.method("market_info", cache_s=1.0)
async def market_info(call: Call) -> MarketInfo:
    """Return the market's facts for a front end."""
    database, now = call.services.database, datetime.now(UTC)
    row = await database.row("market_state", "order info")
    price = await database.row("newest_price", "order info")
    day = await database.row("last_day", "order info", since=now - _DAY)
    exposure = exposure_of(row, fallback_params(call))
    index_price, funding = float(price.price), funding_estimate(row)
    online = exposure.status()[0] != HALT and now - price.ts <= _OFFLINE_AFTER
    return MarketInfo(
        status="Online" if online else "Offline",
        base_asset="BTC",
        quote_asset="USD",
        step_size=1,
        tick_size=0.01,
        index_price=index_price,
        oracle_price=index_price,
        price_change24h=percent_change(float(day.price_before or 0), index_price),
        next_funding_rate=funding.estimated_funding_rate,
        next_funding_at=funding.estimated_funding_rate_timestamp,
        min_order_size=exposure.params.min_position_btc,
        initial_margin_fraction=1 / (exposure.params.max_leverage or _LEVERAGE_MAX),
        maintenance_margin_fraction=exposure.params.mm_ratio / _PERCENT,
        volume24h=float(day.volume or 0) / _SATS_PER_BTC,
        trades24h=int(day.trades),
        open_interest=exposure.open_interest,
        incremental_initial_margin_fraction=0.0,
        incremental_position_size=0.0,
        max_position_size=min(exposure.max_long, exposure.max_short),
        baseline_position_size=0.0,
    )
