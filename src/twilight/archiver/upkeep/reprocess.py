"""Dead letters tried again (storage specification 4).

What follows a record in the log may depend on it: a trade is the first of its kind, a candle closes, a trigger goes.
So a dead letter that can be read now is not put in on its own: the derived tables are made anew, with it in its place.
"""

from dataclasses import dataclass

from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.fold import Fold
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE, UNSTORABLE
from twilight.archiver.upkeep.rebuild import Progress, rebuild
from twilight.bus import Record


@dataclass(frozen=True, slots=True)
class Reprocessed:
    """What came of it; those that only the database refused count as readable when it may take them now."""

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
    Fold().take(entries)
    refused = sum(reason == UNSTORABLE for *_, reason in found)
    readable = sum(entry.dead is None for entry in entries)
    resolved = rebuild(url, progress=progress).resolved if readable > refused else 0
    return Reprocessed(len(found), readable, resolved)
