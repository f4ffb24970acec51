"""Candles of any interval: sampled by QuestDB where it serves, else rolled up from PostgreSQL's (decisions S11).

API specification 5.1.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from twilight.api.database import Database
from twilight.api.questdb import SAMPLES, NotServed, QuestCandles
from twilight.api.results import Candle, Row
from twilight.api.scalars import HISTORY_ROWS_MAX, TimeText, clamp_offset, clamp_rows, decimal_text, time_text
from twilight.ops import logs

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

_log = logs.get("twilight.api.candles")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# interval -> (resolution text, length of a base row, length of a candle)
INTERVALS: dict[str, tuple[str, timedelta, timedelta]] = {
    "ONE_MINUTE": ("1 minute", _MINUTE, _MINUTE),
    "FIVE_MINUTE": ("5 minutes", _MINUTE, 5 * _MINUTE),
    "FIFTEEN_MINUTE": ("15 minutes", _MINUTE, 15 * _MINUTE),
    "THIRTY_MINUTE": ("30 minutes", _MINUTE, 30 * _MINUTE),
    "ONE_HOUR": ("1 hour", _HOUR, _HOUR),
    "FOUR_HOUR": ("4 hours", _HOUR, 4 * _HOUR),
    "EIGHT_HOUR": ("8 hours", _HOUR, 8 * _HOUR),
    "TWELVE_HOUR": ("12 hours", _HOUR, 12 * _HOUR),
    "ONE_DAY": ("1 day", _DAY, _DAY),
    ONE_DAY_CHANGE: ("1 day", _MINUTE, _DAY),
}


async def candle_rows(
    database: Database,
    interval: str,
    since: datetime,
    limit: int,
    offset: int,
    quest: QuestCandles | None = None,
) -> tuple[list[Candle], int | None]:
    """Return the candles and the newest offset that made them, None when there is no candle.

    Args:
        database: PostgreSQL.
        interval: one of `INTERVALS`.
        since: the first candle is the one of this moment.
        limit: how many candles to return at most.
        offset: how many to leave out at the beginning.
        quest: QuestDB, asked first where there is one.
    """
    since = max(since, _EPOCH)
    resolution, base, length = INTERVALS[interval]
    now = datetime.now(UTC)
    if since > now:
        return [], None
    origin = since if interval == ONE_DAY_CHANGE else _EPOCH
    start = origin + (since - origin) // length * length
    wanted = clamp_rows(limit, HISTORY_ROWS_MAX)
    skipped = min(clamp_offset(offset), 1_000 * HISTORY_ROWS_MAX)
    rows: list[Row] | None = None
    if quest is not None and interval in SAMPLES:
        rows = await _sampled(quest, database, interval, length, start, skipped, wanted)
    rows = (
        rows
        if rows is not None
        else await database.rows(
            "candles",
            "candles info",
            base_s=int(base.total_seconds()),
            start=start,
            origin=origin,
            length=length,
            base_rows=(wanted + skipped) * (length // base),
            limit=wanted,
            offset=skipped,
        )
    )
    seqs = [int(row.last_offset) for row in rows if row.last_offset is not None]
    return [_candle(row, resolution, length, time_text(now)) for row in rows], max(seqs, default=None)


async def _sampled(
    quest: QuestCandles,
    database: Database,
    interval: str,
    length: timedelta,
    start: datetime,
    skipped: int,
    wanted: int,
) -> list[Row] | None:
    """Return what QuestDB says, None when PostgreSQL must be asked."""
    position = await database.rows("ingest_position", "candles info")
    archived = int(position[0].next_offset) if position else 0
    try:
        return list(await quest.candles(interval, length, start, skipped, wanted, archived))
    except NotServed as why:
        _log.warning("candles_from_postgresql", reason=str(why))
        return None


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
