"""Where the audit looks: one snapshot of PostgreSQL, and the last whole transaction of the core that it holds."""

import time
from collections.abc import Mapping
from typing import NamedTuple

import psycopg

from twilight.archiver.postgres.connection import Connection, connect
from twilight.archiver.record import CORE
from twilight.audit.reading import CHUNK_RECORDS, READ_WAIT_S, reader_of
from twilight.audit.settings import AuditSettings
from twilight.bus import LogReader
from twilight.ops.errors import Unavailable

POLL_S = 0.2
TAIL_RECORDS = 20_000


class Snapshot(NamedTuple):
    """A connection whose one transaction sees the tables, and how far each stream is written in them."""

    connection: Connection
    positions: dict[str, int]


def take(settings: AuditSettings, ends: Mapping[str, int]) -> Snapshot:
    """Return a snapshot in which every stream is written to where its log ended, or further.

    Raises:
        Unavailable: the archiver does not come that far within the time.
    """
    deadline = time.monotonic() + settings.audit_wait_s
    while True:
        connection = connect(settings.database_url, "audit")
        connection.autocommit = False
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        positions = {stream: position(connection, stream) for stream in ends}
        behind = [
            f"{stream} at {positions[stream]} of {end}"
            for stream, end in ends.items()
            if positions[stream] < end and not _is_behind_markers_only(settings, stream, positions[stream], end)
        ]
        if not behind:
            return Snapshot(connection, positions)
        connection.close()
        if time.monotonic() > deadline:
            raise Unavailable(f"the archiver is behind the logs: {', '.join(behind)}: is it running?")
        time.sleep(POLL_S)


def position(connection: Connection, stream: str = CORE) -> int:
    """Return how far the archiver has written a stream, in the connection's snapshot."""
    row = connection.execute(
        "SELECT next_offset FROM ingest_offset WHERE consumer = 'archiver' AND stream = %s AND partition = 0",
        (stream,),
    ).fetchone()
    return 0 if row is None else int(str(row[0]))


def _is_behind_markers_only(settings: AuditSettings, stream: str, reached: int, end: int) -> bool:
    """Return whether no record stands between the two offsets: transaction markers take offsets too (C9)."""
    with reader_of(settings.broker, settings.streams[stream], reached) as log:
        reached = max(reached, log.start_offset())
        log.seek(reached)
        while max(reached, log.position()) < end:
            if any(record.offset < end for record in log.read(1, READ_WAIT_S)):
                return False
    return True


def whole_below(settings: AuditSettings, end: int) -> int:
    """Return the end of the last transaction of the core that stands whole below an offset of the event log.

    A transaction ends with a marker, which takes an offset that no record has; the archiver may stop inside of one. A
    log without transactions is whole anywhere.
    """
    tail = TAIL_RECORDS
    with reader_of(settings.broker, settings.core_event_log, end) as log:
        first, log_end = log.start_offset(), log.end_offset()
        while True:
            start = max(first, end - tail)
            log.seek(start)
            found = _last_gap(log, start, end, min(end + 1, log_end))
            if found is not None or start == first:
                return end if found is None else found
            tail *= 10


def _last_gap(log: LogReader, start: int, end: int, read_to: int) -> int | None:
    """Return the newest offset up to `end` that no record has, None when there is none."""
    gap, following = None, start
    while max(start, log.position()) < read_to:
        for record in log.read(CHUNK_RECORDS, READ_WAIT_S):
            if record.offset > end:
                break
            if record.offset > following > start:
                gap = following
            following = record.offset + 1
    return end if following <= end else gap
