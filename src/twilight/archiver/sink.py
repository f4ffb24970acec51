"""One stream on its way from Kafka into PostgreSQL: read, write, go on; wait when a server is away.

A session is a connection, the lock and a position. Whatever fails ends the session; the next one starts from what the
tables say (storage specification 3.2). A record that the database refuses is isolated by halving its batch.
"""

import threading
from collections.abc import Callable, Sequence

import psycopg

from twilight.archiver import metrics
from twilight.archiver.lag import Lag, LagWatch
from twilight.archiver.pipeline import Pipeline
from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.reading import Reader
from twilight.archiver.record import Entry
from twilight.bus import LogReader
from twilight.ops import logs
from twilight.ops.errors import Unavailable
from twilight.ops.health import Check

STANDBY_POLL_S = 0.5
WAIT_FIRST_S, WAIT_MAX_S = 0.2, 30.0

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
        self.lag = Lag()
        self.state = "waiting"
        self._database_url = database_url
        self._open_log = open_log
        self._check = check
        self._batch_records_max = batch_records_max
        self._poll_timeout_s = poll_timeout_s
        self._topic_id = topic_id

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
        """Store records with one connection, until told to stop; a second one asks while the first writes."""
        with connect(self._database_url) as connection, connect(self._database_url) as asking:
            writer = Writer(connection, self.stream, asking=asking)
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
        return True

    def _skip_lost(self, log: LogReader) -> None:
        """Go on at the log's first record where the broker has deleted what was not archived yet: history is lost."""
        first = log.start_offset()
        if self.position is not None and first > self.position:
            _log.error("records were deleted before they were archived", stream=self.stream, lost=first - self.position)
            log.seek(first)

    def _store(self, writer: Writer, reader: Reader, log: LogReader, stop: threading.Event) -> None:
        def stored(entries: Sequence[Entry], rows: int, seconds: float) -> None:
            self._count(entries, rows, seconds)
            self.position = writer.position
            self._check.ok("active")

        with LagWatch(self.stream, log, self.lag) as watch, Pipeline(writer, stored) as pipeline:
            while not stop.is_set():
                records = log.read(self._batch_records_max, self._poll_timeout_s)
                if records:
                    pipeline.put(reader.entries(records), reader.newest_event_ns)
                    watch.measure(self.position or 0, self.position, records[-1].timestamp_ms)
                else:
                    pipeline.drain()
                    self._check.ok("active")
                    watch.measure(max(self.position or 0, log.position()), self.position, None)
            pipeline.drain()

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
