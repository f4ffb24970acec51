"""QuestDB's candles against the fold of ticks and trades (decisions S11)."""

import time
from collections.abc import Mapping
from datetime import datetime

import psycopg

from twilight.audit.finding import Finding, finding
from twilight.domain.candles import MINUTE_S, Candle

POLL_S = 0.2
VOLUME_TOLERANCE = 1e-12

Connection = psycopg.Connection[tuple[object, ...]]
Sampled = tuple[float, float, float, float, int, int, float, float]


def check(url: str, prefix: str, folded: Mapping[tuple[int, int], Candle], seq_below: int, wait_s: float) -> Finding:
    """Return whether QuestDB's minute candles equal the fold: OHLC and counts exactly, volumes to 1e-12.

    Only what the log holds below the sequence is looked at; writes are waited for until they can be read.
    """
    minutes = {start_s: c for (length_s, start_s), c in folded.items() if length_s == MINUTE_S}
    expected = {start_s: _folded(c) for start_s, c in minutes.items() if c.price_samples or c.trades}
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        deadline = time.monotonic() + wait_s
        found = _sampled(connection, prefix, seq_below)
        while _faults(expected, found) and time.monotonic() < deadline:
            time.sleep(POLL_S)
            found = _sampled(connection, prefix, seq_below)
    return finding("QuestDB candles", {"candles": len(found)}, _faults(expected, found))


def _folded(c: Candle) -> Sampled:
    prices = (c.open, c.high, c.low, c.close) if c.price_samples else (0.0, 0.0, 0.0, 0.0)
    return (*prices, c.price_samples, c.trades, float(c.buy_volume), float(c.sell_volume))


def _sampled(connection: Connection, prefix: str, seq_below: int) -> dict[int, Sampled]:
    prices = connection.execute(
        "SELECT timestamp, first(price), max(price), min(price), last(price), count()"  # noqa: S608 - our own prefix
        f" FROM '{prefix}prices' WHERE seq < {seq_below} SAMPLE BY 1m ALIGN TO CALENDAR",
    ).fetchall()
    trades = connection.execute(
        "SELECT timestamp, count(), sum(CASE WHEN side = 1 THEN amount ELSE 0.0 END),"  # noqa: S608 - our own prefix
        " sum(CASE WHEN side = 0 THEN amount ELSE 0.0 END)"
        f" FROM '{prefix}trades' WHERE seq < {seq_below} SAMPLE BY 1m ALIGN TO CALENDAR",
    ).fetchall()
    ohlc = {_epoch_s(row[0]): row[1:] for row in prices}
    volumes = {_epoch_s(row[0]): row[1:] for row in trades}
    none = (0.0, 0.0, 0.0, 0.0, 0)
    return {
        start_s: (*ohlc.get(start_s, none), *volumes.get(start_s, (0, 0.0, 0.0)))  # type: ignore[misc]
        for start_s in ohlc.keys() | volumes.keys()
    }


def _epoch_s(moment: object) -> int:
    if not isinstance(moment, datetime):
        raise TypeError(f"expected a time from QuestDB, found {moment!r}")
    return int((moment - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001 - QuestDB's times have no zone: UTC


def _faults(expected: Mapping[int, Sampled], found: Mapping[int, Sampled]) -> list[str]:
    faults = []
    for start_s in sorted(expected.keys() | found.keys()):
        want, have = expected.get(start_s), found.get(start_s)
        if want is None or have is None or not _equal(want, have):
            faults.append(f"minute {start_s}: expected {want}, found {have}")
    return faults


def _equal(want: Sampled, have: Sampled) -> bool:
    exact = want[:6] == have[:6]
    near = all(abs(w - h) <= VOLUME_TOLERANCE * max(abs(w), abs(h)) for w, h in zip(want[6:], have[6:], strict=True))
    return exact and near
