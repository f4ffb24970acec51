"""Candles from QuestDB: OHLC sampled from prices, volumes from trades (storage specification 7.5, decisions S11)."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.schema import Tables

_NO_TICK = (None, None, None, None, 0)
_NO_TRADE = (0, 0.0, 0.0, 0.0, 0.0)

RESOLUTIONS = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "4h": 14_400,
    "8h": 28_800,
    "12h": 43_200,
    "1d": 86_400,
}
"""The lengths of candles that can be asked for, in seconds."""


@dataclass(frozen=True, slots=True)
class SampledCandle:
    """One bucket that has a tick or a trade; without a tick there are no prices, volumes are sums over its trades."""

    start: datetime
    open: float | None
    high: float | None
    low: float | None
    close: float | None
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

    They begin with the interval of the oldest tick: before it no price is known (docs/decisions/archiver-times.md).

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
    ohlc = {start: row for start, *row in prices}
    volumes = {start: row for start, *row in trades}
    first_s = _beginning_s(client, tables) // RESOLUTIONS[resolution] * RESOLUTIONS[resolution]
    return [
        SampledCandle(datetime.fromisoformat(start), *ohlc.get(start, _NO_TICK), *volumes.get(start, _NO_TRADE))
        for start in sorted(ohlc.keys() | volumes.keys())
        if datetime.fromisoformat(start).timestamp() >= first_s
    ]


def _beginning_s(client: QuestDBClient, tables: Tables) -> float:
    ((oldest,),) = client.rows(f"SELECT min(timestamp) FROM '{tables.prices}'")  # noqa: S608 - our own name
    return math.inf if oldest is None else datetime.fromisoformat(oldest).timestamp()


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
