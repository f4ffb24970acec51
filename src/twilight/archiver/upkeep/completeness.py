"""Whether the raw log still holds everything that was ingested: partitions may be detached or dropped (storage 9)."""

from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.tables import PARTITION_SPAN
from twilight.ops.errors import TwilightError


class Incomplete(TwilightError):
    """Records that were ingested are gone from `event_log`: what was derived from them cannot be made again."""


_HELD = """
SELECT o.records, l.records, l.first, o.next_offset
FROM ingest_offset o, (SELECT count(*) AS records, min("offset") AS first FROM event_log WHERE stream = %(stream)s) l
WHERE o.consumer = 'archiver' AND o.stream = %(stream)s
"""
# Partitions are made without a hole from 0 on: a number that is not attached was detached or dropped.
_ATTACHED = """
SELECT substring(c.relname FROM '_p([0-9]+)$')::bigint
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('event_log')
"""


def demand_whole_log(connection: Connection, stream: str) -> None:
    """Return if `event_log` holds as many records of a stream as were ever ingested.

    Raises:
        Incomplete: it does not; says which offsets are missing and what to do.
    """
    row = connection.execute(_HELD, {"stream": stream}).fetchone()
    ingested, held, first, position = row or (0, 0, None, 0)
    if held >= ingested:
        return
    spans = [*_missing_partitions(connection, position), *_missing_head(first, position)]
    where = ", ".join(f"{low} to {high}" for low, high in sorted(set(spans))) or "among those that it holds"
    raise Incomplete(
        f"event_log holds {held:,} of the {ingested:,} records of stream {stream} that were ingested; offsets missing:"
        f" {where}. A rebuild would destroy what was derived from them: attach their partitions again, or import their"
        " export and what follows it into a new archive"
    )


def _missing_partitions(connection: Connection, position: int) -> list[tuple[int, int]]:
    attached = {int(number) for (number,) in connection.execute(_ATTACHED)}
    return [
        (number * PARTITION_SPAN, min((number + 1) * PARTITION_SPAN, position) - 1)
        for number in range(-(-position // PARTITION_SPAN))
        if number not in attached
    ]


def _missing_head(first: int | None, position: int) -> list[tuple[int, int]]:
    """Return what is missing of the oldest attached partition, where not all of it is gone."""
    if first is None:
        return [(0, position - 1)]
    start = first // PARTITION_SPAN * PARTITION_SPAN
    return [(start, first - 1)] if first > start else []
