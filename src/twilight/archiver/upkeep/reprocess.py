"""Dead letters tried again (storage specification 4).

What follows a record in the log may depend on it: a trade is the first of its kind, a candle closes, a trigger goes.
So a dead letter that can be read now is not put in on its own: the derived tables are made anew, with it in its place.
"""

from dataclasses import dataclass

import psycopg

from twilight.archiver.postgres.connection import Connection, blames_a_record, connect
from twilight.archiver.postgres.fold import Fold
from twilight.archiver.postgres.merging import make_stages, work_of
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE, UNSTORABLE, Entry
from twilight.archiver.upkeep.rebuild import Progress, rebuild
from twilight.bus import Record


@dataclass(frozen=True, slots=True)
class Reprocessed:
    """What came of it; one that the database refused is readable when the database takes it now."""

    tried: int
    readable: int
    resolved: int


_UNRESOLVED = """
SELECT d."offset", d.partition, (extract(epoch FROM l.broker_ts) * 1000)::bigint, d.key_raw, d.payload_raw, d.reason
FROM dead_letter d JOIN event_log l USING (stream, partition, "offset")
WHERE d.stream = %s AND d.resolved_at IS NULL ORDER BY d."offset"
"""


def reprocess(url: str, progress: Progress = lambda _offset, _end: None) -> Reprocessed:
    """Try every unresolved dead letter; rebuild the derived tables if any can be read now.

    Raises:
        Incomplete: the raw log does not hold everything that was ingested, so nothing can be made anew.
        Unavailable: PostgreSQL does not answer, or a rebuild is at work.
    """
    with connect(url, "reprocess") as connection:
        found = connection.execute(_UNRESOLVED, (CORE,)).fetchall()
        records = [Record(CORE, partition, offset, ms, key, value) for offset, partition, ms, key, value, _ in found]
        entries = Reader(CORE, Duplicates()).entries(records)
        make_stages(connection)
        readable = sum(
            _can_be_read(entry) and (reason != UNSTORABLE or _can_be_stored(connection, entry))
            for entry, (*_, reason) in zip(entries, found, strict=True)
        )
    resolved = rebuild(url, progress=progress).resolved if readable else 0
    return Reprocessed(len(found), readable, resolved)


def _can_be_read(entry: Entry) -> bool:
    Fold().take([entry])
    return entry.dead is None


def _can_be_stored(connection: Connection, entry: Entry) -> bool:
    """Return whether the database takes the rows of a record that it refused before; nothing of it stays."""
    try:
        with connection.transaction(force_rollback=True):
            work_of(Fold().take([entry]), []).run(connection, CORE, entry.source.partition)
    except psycopg.Error as error:
        if not blames_a_record(error):
            raise
        return False
    return True
