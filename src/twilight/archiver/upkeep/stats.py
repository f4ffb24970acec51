"""How an archive stands: rows, bytes, lag, dead letters, gaps, partitions, speed (issue 6)."""

import time
from collections.abc import Callable, Mapping

import msgspec

from twilight.archiver import metrics
from twilight.archiver.postgres.connection import Connection, connect
from twilight.archiver.postgres.tables import DERIVED_TABLES, PARTITION_SPAN

TABLES = ("event_log", "dead_letter", "event_duplicate", *DERIVED_TABLES)
SPEED_SAMPLE_S = 1.0

EndOffset = Callable[[str], int]
"""Returns the end of a stream's log."""


class StreamStats(msgspec.Struct, frozen=True):
    """One stream. `lag_s` is the age of the newest stored record while others wait."""

    stream: str
    next_offset: int
    records: int
    gaps: int
    records_per_s: float
    lag_records: int
    lag_s: float
    dead_letters: int


class TableStats(msgspec.Struct, frozen=True):
    """One table; rows are the planner's estimate, bytes include indexes."""

    table: str
    rows: int
    bytes: int
    partitions: int
    oldest_partition: str | None


class Stats(msgspec.Struct, frozen=True):
    """The whole archive."""

    streams: list[StreamStats]
    tables: list[TableStats]


_STREAMS = """
SELECT o.stream, o.next_offset, o.records, o.gaps, coalesce(extract(epoch FROM now() - o.broker_ts), 0)::float8,
       (SELECT count(*) FROM dead_letter d WHERE d.stream = o.stream AND d.resolved_at IS NULL)
FROM ingest_offset o WHERE o.consumer = 'archiver' ORDER BY o.stream
"""
_TABLES = """
SELECT t.name, sum(greatest(c.reltuples, 0))::bigint, sum(pg_total_relation_size(c.oid))::bigint,
       count(i.inhrelid), min(c.relname) FILTER (WHERE i.inhrelid IS NOT NULL)
FROM unnest(%s::text[]) AS t (name)
JOIN pg_class parent ON parent.oid = to_regclass(t.name)
LEFT JOIN pg_inherits i ON i.inhparent = parent.oid
JOIN pg_class c ON c.oid = coalesce(i.inhrelid, parent.oid)
GROUP BY 1 ORDER BY 3 DESC
"""


def stats(url: str, end_offset: EndOffset | None = None) -> Stats:
    """Return the figures; without a way to ask for the log's end, the lag is 0."""
    with connect(url, "stats") as connection:
        before = _records(connection)
        time.sleep(SPEED_SAMPLE_S)
        speed = {name: (count - before.get(name, 0)) / SPEED_SAMPLE_S for name, count in _records(connection).items()}
        streams = [_stream(row, speed, end_offset) for row in connection.execute(_STREAMS)]
        tables = [TableStats(*row) for row in connection.execute(_TABLES, (list(TABLES),))]
    return Stats(streams, tables)


def measure(url: str) -> None:
    """Bring the metrics that only the database can tell up to date: bytes, rows, partitions, unresolved dead letters.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    with connect(url, "stats") as connection:
        for stream, *_, dead in connection.execute(_STREAMS):
            metrics.UNRESOLVED.labels(stream).set(dead)
        for row in connection.execute(_TABLES, (list(TABLES),)):
            table = TableStats(*row)
            metrics.TABLE_BYTES.labels(table.table).set(table.bytes)
            metrics.TABLE_ROWS.labels(table.table).set(table.rows)
            if table.oldest_partition is not None:
                number = int(table.oldest_partition.rpartition("_p")[2])
                metrics.OLDEST_PARTITION.labels(table.table).set(number * PARTITION_SPAN)


def _records(connection: Connection) -> dict[str, int]:
    found = connection.execute("SELECT stream, records FROM ingest_offset WHERE consumer = 'archiver'")
    return {str(stream): int(records) for stream, records in found}


def _stream(row: tuple[object, ...], speed: Mapping[str, float], end_offset: EndOffset | None) -> StreamStats:
    stream, position, records, gaps, age_s, dead = row
    name, at = str(stream), int(str(position))
    lag = 0 if end_offset is None else max(0, end_offset(name) - at)
    return StreamStats(
        name,
        at,
        int(str(records)),
        int(str(gaps)),
        round(speed.get(name, 0.0), 1),
        lag,
        round(float(str(age_s)), 3) if lag else 0.0,
        int(str(dead)),
    )
