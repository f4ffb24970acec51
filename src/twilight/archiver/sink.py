"""One stream on its way from Kafka into PostgreSQL: read, write, go on; wait when a server is away.

A session is a connection, the lock and a position. Whatever fails ends the session; the next one starts from what the
tables say (storage specification 3.2). A record that the database refuses is isolated by halving its batch.
"""

import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from twilight.archiver import metrics
from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.isolating import write_isolating
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.reading import Reader
from twilight.archiver.record import Entry
from twilight.bus import LogReader, Record
from twilight.ops import logs
from twilight.ops.errors import Unavailable
from twilight.ops.health import Check

STANDBY_POLL_S = 0.5
MEASURE_EVERY_S = 1.0
WAIT_FIRST_S, WAIT_MAX_S = 0.2, 30.0
MS_PER_S = 1_000

_log = logs.get(__name__)

OpenLog = Callable[[int | None], LogReader]
"""Opens the stream's log at a position; None is its beginning."""


class Sink:
    """Keeps one stream's tables behind its topic until told to stop; `run` is the body of a thread."""

    def __init__(
        self,
        stream: str,
        database_url: str,
        open_log: OpenLog,
        check: Check,
        *,
        batch_records_max: int,
        poll_timeout_s: float,
        topic_id: Callable[[], str] | None = None,
    ) -> None:
        self.stream = stream
        self.position: int | None = None
        self.lag_records = 0
        self.lag_s = 0.0
        self.state = "waiting"
        self._database_url = database_url
        self._open_log = open_log
        self._check = check
        self._batch_records_max = batch_records_max
        self._poll_timeout_s = poll_timeout_s
        self._topic_id = topic_id
        self._measured_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Store records until `stop` is set; servers that are away are waited for, without an end.

        Raises:
            Corrupt: the log is not the one that the tables are made of.
        """
        wait_s = WAIT_FIRST_S
        while not stop.is_set():
            position = self.position
            try:
                self._session(stop)
            except (psycopg.Error, Unavailable) as error:
                wait_s = WAIT_FIRST_S if self.position != position else min(wait_s * 2, WAIT_MAX_S)
                self._tell(error, wait_s)
                stop.wait(wait_s)

    def _tell(self, error: Exception, wait_s: float) -> None:
        reason = f"{type(error).__name__}: {str(error).strip()}"
        self.state = "waiting"
        self._check.fail(reason)
        metrics.FAILURES.labels(self.stream, type(error).__name__).inc()
        _log.warning("session ended, will be started again", stream=self.stream, reason=reason, wait_s=wait_s)

    def _session(self, stop: threading.Event) -> None:
        """Store records with one connection, until told to stop."""
        with connect(self._database_url) as connection:
            writer = Writer(connection, self.stream)
            if not self._wait_for_lock(writer, stop):
                return
            reader = writer.open(None if self._topic_id is None else self._topic_id())
            self.position = writer.position
            with self._open_log(self.position) as log:
                self._skip_lost(log)
                self._store(writer, reader, log, stop)

    def _wait_for_lock(self, writer: Writer, stop: threading.Event) -> bool:
        while not writer.try_lock():
            self.state = "standby"
            self._check.ok("standby")
            if stop.wait(STANDBY_POLL_S):
                return False
        self.state = "active"
        self._check.ok("active")
        return True

    def _skip_lost(self, log: LogReader) -> None:
        """Go on at the log's first record where the broker has deleted what was not archived yet: history is lost."""
        first = log.start_offset()
        if self.position is not None and first > self.position:
            _log.error("records were deleted before they were archived", stream=self.stream, lost=first - self.position)
            metrics.OFFSET_GAPS.labels(self.stream).inc(first - self.position)
            log.seek(first)

    def _store(self, writer: Writer, reader: Reader, log: LogReader, stop: threading.Event) -> None:
        while not stop.is_set():
            records = log.read(self._batch_records_max, self._poll_timeout_s)
            if records:
                self._store_batch(writer, reader, records)
            self._measure(log, records)

    def _store_batch(self, writer: Writer, reader: Reader, records: Sequence[Record]) -> None:
        started = time.monotonic()
        entries = reader.entries(records)
        rows = write_isolating(writer, entries, reader.newest_event_ns)
        self._count(entries, rows, time.monotonic() - started)
        self.position = writer.position

    def _count(self, entries: Sequence[Entry], rows: int, seconds: float) -> None:
        first, last = entries[0].source.offset, entries[-1].source.offset
        before = 0 if self.position is None else first - self.position
        metrics.RECORDS.labels(self.stream).inc(len(entries))
        metrics.ROWS.labels(self.stream).inc(rows)
        metrics.BATCH_RECORDS.labels(self.stream).observe(len(entries))
        metrics.BATCH_SECONDS.labels(self.stream).observe(seconds)
        metrics.DEAD_LETTERS.labels(self.stream).inc(sum(entry.dead is not None for entry in entries))
        metrics.DUPLICATES.labels(self.stream).inc(sum(entry.duplicate_of is not None for entry in entries))
        metrics.OFFSET_GAPS.labels(self.stream).inc(max(0, before + last - first + 1 - len(entries)))

    def _measure(self, log: LogReader, records: Sequence[Record]) -> None:
        """Bring the lag up to date, at most once a second: it asks the broker."""
        now = time.monotonic()
        if now - self._measured_at < MEASURE_EVERY_S:
            return
        self._measured_at = now
        reached = max(self.position or 0, log.position())
        self.lag_records = max(0, log.end_offset() - reached)
        if self.lag_records == 0:
            self.lag_s = 0.0
        elif records:
            self.lag_s = max(0.0, time.time() - records[-1].timestamp_ms / MS_PER_S)
        if self.position is not None:
            log.commit(self.position)
        metrics.LAG_RECORDS.labels(self.stream).set(self.lag_records)
        metrics.LAG_SECONDS.labels(self.stream).set(self.lag_s)
