"""QuestDB's candles against the fold of ticks and trades (decisions S11).

The rows that they are sampled from were compared one by one before (`quest.py`); here it is what the charts show.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from twilight.archiver.postgres import connection as postgres
from twilight.audit.finding import Faults, Finding, finding
from twilight.audit.quest import Connection
from twilight.domain.candles import MINUTE_S

VOLUME_TOLERANCE = 1e-12
_DAY = timedelta(days=1)
_NO_TICK = (0.0, 0.0, 0.0, 0.0, 0)
_NO_TRADE = (0, 0.0, 0.0)

Sampled = tuple[Any, ...]
"""Open, high, low, close, ticks, trades, volume bought, volume sold."""

_DAYS = "SELECT DISTINCT date_trunc('day', start_time) AT TIME ZONE 'UTC' FROM {} WHERE length_s = {} ORDER BY 1"
_FOLDED = """
SELECT start_time AT TIME ZONE 'UTC',
    CASE WHEN price_samples > 0 THEN ARRAY[open, high, low, close]::float8[] ELSE ARRAY[0, 0, 0, 0]::float8[] END,
    price_samples, trades, buy_volume::float8, sell_volume::float8
FROM {} WHERE length_s = {} AND start_time >= %s AND start_time < %s AND (price_samples > 0 OR trades > 0)
"""


def check(archive: postgres.Connection, folded: str, questdb: Connection, prefix: str, seq_below: int) -> Finding:
    """Return whether QuestDB's minute candles equal the fold: OHLC and counts exactly, volumes to 1e-12.

    Args:
        archive: the session that holds the fold's candles.
        folded: the name of the table with them.
        questdb: a connection to QuestDB.
        prefix: that of its tables.
        seq_below: what stands in QuestDB from this sequence on is not looked at.
    """
    faults, count = Faults(), 0
    for (day,) in archive.execute(_DAYS.format(folded, MINUTE_S).encode()).fetchall():
        expected, found = _folded(archive, folded, day), _sampled(questdb, prefix, day, seq_below)
        count += len(found)
        for start in sorted(expected.keys() | found.keys()):
            want, have = expected.get(start), found.get(start)
            if want is None or have is None or not _equal(want, have):
                faults.add(f"minute {start:%Y-%m-%d %H:%M}: expected {want}, found {have}")
    return finding("QuestDB candles", {"candles": count}, faults)


def _folded(archive: postgres.Connection, table: str, day: datetime) -> Mapping[datetime, Sampled]:
    span = (f"{day:%Y-%m-%d}+00", f"{day + _DAY:%Y-%m-%d}+00")
    rows = archive.execute(_FOLDED.format(table, MINUTE_S).encode(), span)
    return {start: (*prices, *rest) for start, prices, *rest in rows}


def _sampled(questdb: Connection, prefix: str, day: datetime, seq_below: int) -> Mapping[datetime, Sampled]:
    span = f"timestamp >= '{day:%Y-%m-%d}' AND timestamp < '{day + _DAY:%Y-%m-%d}' AND seq < {seq_below}"
    sample = f"WHERE {span} SAMPLE BY 1m ALIGN TO CALENDAR"
    prices = questdb.execute(
        f"SELECT timestamp, first(price), max(price), min(price), last(price), count() FROM '{prefix}prices' {sample}".encode()  # noqa: E501, S608 - one query of our own names
    ).fetchall()
    trades = questdb.execute(
        "SELECT timestamp, count(), sum(CASE WHEN side = 1 THEN amount ELSE 0.0 END),"  # noqa: S608 - our own names
        f" sum(CASE WHEN side = 0 THEN amount ELSE 0.0 END) FROM '{prefix}trades' {sample}".encode()
    ).fetchall()
    ohlc, volumes = ({start: row for start, *row in rows} for rows in (prices, trades))
    return {
        start: (*ohlc.get(start, _NO_TICK), *volumes.get(start, _NO_TRADE)) for start in ohlc.keys() | volumes.keys()
    }


def _equal(want: Sampled, have: Sampled) -> bool:
    exact = want[:6] == have[:6]
    near = all(abs(w - h) <= VOLUME_TOLERANCE * max(abs(w), abs(h)) for w, h in zip(want[6:], have[6:], strict=True))
    return exact and near
