"""Candles from QuestDB: OHLC sampled from prices, volumes from trades (storage specification 7.5, decisions S11)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.schema import Tables

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
    sell_volume: float
    buy_volume: float
    btc_volume: float
    usd_volume: float


def sampled(
    client: QuestDBClient, tables: Tables, resolution: str, since: datetime, until: datetime
) -> list[SampledCandle]:
    """Return the candles of a time range, ascending, aligned to the UTC calendar.

    Raises:
        ValueError: the resolution is none of `RESOLUTIONS`.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution must be one of {', '.join(RESOLUTIONS)}, was {resolution!r}")
    span = f"timestamp >= '{_text(since)}' AND timestamp < '{_text(until)}'"
    sample = f"SAMPLE BY {resolution} ALIGN TO CALENDAR"
    prices = client.rows(
        "SELECT timestamp, first(price), max(price), min(price), last(price), count()"  # noqa: S608 - our own names
        f" FROM '{tables.prices}' WHERE {span} {sample}"
    )
    trades = client.rows(
        "SELECT timestamp, count(), sum(CASE WHEN side = 0 THEN amount ELSE 0.0 END),"  # noqa: S608 - our own names
        " sum(CASE WHEN side = 1 THEN amount ELSE 0.0 END), sum(amount / price) / 1e8, sum(amount) / 1e8"
        f" FROM '{tables.trades}' WHERE {span} {sample}"
    )
    volumes = {start: row for start, *row in trades}
    return [
        SampledCandle(datetime.fromisoformat(start), *row, *volumes.get(start, (0, 0.0, 0.0, 0.0, 0.0)))
        for start, *row in prices
    ]


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
