"""Candles counted anew from the stored ticks and trades, a day at a time (storage specification 6.1)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from twilight.archiver.postgres.candles import recount
from twilight.archiver.postgres.connection import Connection, connect
from twilight.archiver.record import CORE
from twilight.archiver.upkeep.stored import next_offset
from twilight.ops.errors import SettingsError

Progress = Callable[[int, int], None]
_DAY = timedelta(days=1)

_FINAL = """
SELECT length_s, extract(epoch FROM start_time)::bigint FROM candle
WHERE start_time >= %s AND start_time < %s AND final
"""


def recount_candles(url: str, first: date, last: date, progress: Progress = lambda _done, _days: None) -> int:
    """Count the final candles that start on these days (UTC, both included) anew; return how many they are.

    Each day is one transaction, in which the archiver waits; candles that are still open are its own.

    Raises:
        SettingsError: the last day is before the first.
        Unavailable: PostgreSQL does not answer.
    """
    if last < first:
        raise SettingsError([f"--to must not be before --from, was {last} and {first}"])
    days = (last - first).days + 1
    counted = 0
    with connect(url, "recount") as connection:
        for number in range(days):
            counted += _recount_day(connection, first + number * _DAY)
            progress(number + 1, days)
    return counted


def _recount_day(connection: Connection, day: date) -> int:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with connection.transaction():
        next_offset(connection, CORE, locked=True)
        found = connection.execute(_FINAL, (start, start + _DAY)).fetchall()
        recount(connection, found)
        connection.execute("UPDATE ingest_offset SET generation = generation + 1 WHERE stream = %s", (CORE,))
    return len(found)
