"""One stream on its way from Kafka into PostgreSQL: read, write, go on; wait when a server is away.

A session is a connection, the lock and a position. Whatever fails ends the session; the next one starts from what the
tables say (storage specification 3.2). A record that the database refuses is isolated by halving its batch.
"""

import threading
import time
from collections.abc import Callable, Sequence

import psycopg
import tenacity

from twilight.archiver import metrics
from twilight.archiver.postgres.writer import Writer, connect
from twilight.archiver.reading import Reader
from twilight.archiver.record import Entry
from twilight.bus import LogReader, Record
from twilight.ops import logs
from twilight.ops.errors import Unavailable
from twilight.ops.health import Check

STANDBY_POLL_S = 0.5
WAIT_FIRST_S = 0.2
WAIT_MAX_S = 30.0
UNSTORABLE = "UNSTORABLE"
MS_PER_S = 1_000

_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, Unavailable)
_BLAMES_A_RECORD = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError, ValueError)

_log = logs.get(__name__)


class Sink:
    """Keeps one stream's tables behind its topic until told to stop; `run` is the body of a thread."""

    def __init__(
        self,
        stream: str,
        database_url: str,
        open_log: Callable[[int | None], LogReader],
        check: Check,
        *,
        batch_records_max: int,
        poll_timeout_s: float,
    ) -> None:
        self.stream = stream
        self.position: int | None = None
        self.lag_records = 0
        self.lag_s = 0.0
        self.is_active = False
        self._database_url = database_url
        self._open_log = open_log
        self._check = check
        self._batch_records_max = batch_records_max
        self._poll_timeout_s = poll_timeout_s

    def run(self, stop: threading.Event) -> None:
        """Store records until `stop` is set; servers that are away are waited for, without an end."""
        while not stop.is_set():
            retrying = tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(_AWAY),
                wait=tenacity.wait_random_exponential(multiplier=WAIT_FIRST_S, max=WAIT_MAX_S),
                stop=tenacity.stop_when_event_set(stop),
                sleep=tenacity.sleep_using_event(stop),
                before_sleep=self._tell,
            )
            try:
                retrying(self._session, stop)
            except tenacity.RetryError:
                return

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        self.is_active = False
        self._check.fail(f"{type(error).__name__}: {error}".strip())
        metrics.FAILURES.labels(self.stream, type(error).__name__).inc()
        _log.warning("session ended, will be started again", stream=self.stream, reason=str(error).strip())

    def _session(self, stop: threading.Event) -> None:
        """Store records with one connection; returns when told to stop, or to begin anew after some progress."""
        with connect(self._database_url) as connection:
            writer = Writer(connection, self.stream)
            if not self._wait_for_lock(writer, stop):
                return
            writer.load()
            self.position = writer.position()
            with self._open_log(self.position) as log:
                self._store(writer, writer.reader(), log, stop)

    def _wait_for_lock(self, writer: Writer, stop: threading.Event) -> bool:
        while not writer.try_lock():
            self.is_active = False
            self._check.ok("standby")
            if stop.wait(STANDBY_POLL_S):
                return False
        self.is_active = True
        self._check.ok("active")
        return True

    def _store(self, writer: Writer, reader: Reader, log: LogReader, stop: threading.Event) -> None:
        while not stop.is_set():
            records = log.read(self._batch_records_max, self._poll_timeout_s)
            if records:
                self._store_batch(writer, reader, records)
            self._measure(log, records)

    def _store_batch(self, writer: Writer, reader: Reader, records: Sequence[Record]) -> None:
        started = time.monotonic()
        entries = reader.entries(records)
        self._write(writer, entries)
        self._count(entries, time.monotonic() - started)
        self.position = records[-1].offset + 1

    def _write(self, writer: Writer, entries: list[Entry]) -> None:
        """Write a batch; when its content is refused, its halves; a single record that is refused is a dead letter."""
        try:
            writer.write(entries)
        except _BLAMES_A_RECORD as error:
            writer.load()
            if len(entries) > 1:
                middle = len(entries) // 2
                self._write(writer, entries[:middle])
                self._write(writer, entries[middle:])
            elif entries[0].dead is None:
                entries[0].dead = (UNSTORABLE, f"{type(error).__name__}: {error}")
                entries[0].event = None
                self._write(writer, entries)
            else:
                raise

    def _count(self, entries: Sequence[Entry], seconds: float) -> None:
        metrics.RECORDS.labels(self.stream).inc(len(entries))
        metrics.BATCH_RECORDS.labels(self.stream).observe(len(entries))
        metrics.BATCH_SECONDS.labels(self.stream).observe(seconds)
        metrics.DEAD_LETTERS.labels(self.stream).inc(sum(entry.dead is not None for entry in entries))
        metrics.DUPLICATES.labels(self.stream).inc(sum(entry.duplicate_of is not None for entry in entries))
        first, last = entries[0].source.offset, entries[-1].source.offset
        before = 0 if self.position is None else first - self.position
        metrics.OFFSET_GAPS.labels(self.stream).inc(before + last - first + 1 - len(entries))

    def _measure(self, log: LogReader, records: Sequence[Record]) -> None:
        """Bring the lag up to date; asked of the broker only when a poll came back short."""
        if len(records) == self._batch_records_max:
            self.lag_s = max(0.0, time.time() - records[-1].timestamp_ms / MS_PER_S)
        else:
            reached = max(self.position or 0, log.position())
            self.lag_records = max(0, log.end_offset() - reached)
            self.lag_s = 0.0 if self.lag_records == 0 else self.lag_s
            if records:
                log.commit(reached)
        metrics.LAG_RECORDS.labels(self.stream).set(self.lag_records)
        metrics.LAG_SECONDS.labels(self.stream).set(self.lag_s)
