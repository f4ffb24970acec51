"""Candles from QuestDB: OHLC sampled from prices, volumes from trades (storage specification 7.5, decisions S11)."""

from dataclasses import dataclass
from datetime import datetime

from twilight.archiver.questdb.tables import Connection, Names

RESOLUTIONS = ("1m", "5m", "15m", "30m", "1h", "4h", "8h", "12h", "1d")


@dataclass(frozen=True, slots=True)
class SampledCandle:
    """One bucket that has a tick; volumes are sums over its trades, 0 without any."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    ticks: int
    trades: int
    buy_volume: float
    sell_volume: float


def sampled(
    connection: Connection,
    names: Names,
    resolution: str,
    since: datetime,
    until: datetime,
) -> list[SampledCandle]:
    """Return the candles of a time range, ascending, aligned to the UTC calendar.

    Raises:
        ValueError: the resolution is none of `RESOLUTIONS`.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution must be one of {', '.join(RESOLUTIONS)}, was {resolution!r}")
    bounds = (since.isoformat(), until.isoformat())
    prices = connection.execute(
        "SELECT timestamp, first(price), max(price), min(price), last(price), count()"  # noqa: S608 - our own names
        f" FROM '{names.prices}' WHERE timestamp >= %s AND timestamp < %s"
        f" SAMPLE BY {resolution} ALIGN TO CALENDAR",
        bounds,
    ).fetchall()
    trades = connection.execute(
        "SELECT timestamp, count(), sum(CASE WHEN side = 1 THEN amount ELSE 0.0 END),"  # noqa: S608 - our own names
        f" sum(CASE WHEN side = 0 THEN amount ELSE 0.0 END) FROM '{names.trades}'"
        f" WHERE timestamp >= %s AND timestamp < %s SAMPLE BY {resolution} ALIGN TO CALENDAR",
        bounds,
    ).fetchall()
    volumes = {row[0]: row[1:] for row in trades}
    return [SampledCandle(*row, *volumes.get(row[0], (0, 0.0, 0.0))) for row in prices]  # type: ignore[arg-type]
