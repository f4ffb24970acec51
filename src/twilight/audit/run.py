"""The audit from beginning to end: one pass over the log, everything held against it."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from twilight.archiver.postgres.connection import connect
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE
from twilight.audit import candles
from twilight.audit.answers import Answers
from twilight.audit.books import Books
from twilight.audit.finding import Finding, finding
from twilight.audit.settings import AuditSettings
from twilight.audit.tables import Tables, position
from twilight.bus import LogReader, Record
from twilight.core.queues import QueueSpec
from twilight.core.recovery import fold
from twilight.domain.engine import Engine, new_engine
from twilight.domain.invariants import violations
from twilight.domain.snapshot import state_hash
from twilight.ops.errors import Corrupt, Unavailable
from twilight.wire.keys import decode_key

CHUNK_RECORDS = 20_000
READ_WAIT_S = 0.1
POLL_S = 0.2
TAIL_RECORDS = 20_000
DECIDE_WAIT_S = 10.0
HTTP_TIMEOUT_S = 5.0

Progress = Callable[[int, int], None]
"""Told the offset that was read and the one at which the log ends."""


def audit(settings: AuditSettings, progress: Progress = lambda _offset, _end: None) -> list[Finding]:
    """Return one finding for each thing that must hold; the books are right only if all of them do.

    Raises:
        Unavailable: Kafka or a database does not answer, or does not come to the log's end within the time.
    """
    core = _core_state(settings)
    with _reader(settings.broker, settings.core_event_log) as log:
        ends = {queue.name: _end_of(queue) for queue in settings.queues}
        _let_decide(settings, ends, log.end_offset())
        end = log.end_offset()
        with closing(_snapshot(settings, end)) as connection:
            return _Audit(settings, connection, core, ends).run(log, progress)


class _Audit:
    """One pass."""

    def __init__(
        self,
        settings: AuditSettings,
        connection: psycopg.Connection[tuple[object, ...]],
        core: tuple[str, int] | None,
        queue_ends: dict[str, int],
    ) -> None:
        self._settings = settings
        self._queue_ends = queue_ends
        self._core = core
        self._engine = new_engine(lambda: str(uuid4()))
        self._hash_at_core: str | None = None
        self._fold_fault: str | None = None
        self._events = 0
        self._offset = -1
        self._books = Books()
        self._answers = Answers()
        self._tables = Tables(connection)
        self._end = position(connection)

    def run(self, log: LogReader, progress: Progress) -> list[Finding]:
        """Read the log to where the tables stand and return the findings."""
        reader = Reader(CORE, Duplicates())
        for records in _chunks(log, self._end):
            self._fold(records)
            entries = reader.entries(records)
            for entry in entries:
                if entry.event is not None and entry.duplicate_of is None:
                    self._books.take(entry.event)
                    self._answers.take(entry.event, entry.key)
            self._tables.take(entries)
            self._events += len(records)
            progress(records[-1].offset, self._end)
        found = [self._core_finding(), self._invariants(), *self._tables.findings()]
        found.append(self._questdb())
        found.append(self._books.close())
        found.extend(self._answered(queue) for queue in self._settings.queues)
        return found

    def _fold(self, records: list[Record]) -> None:
        for record in records:
            if self._fold_fault is None:
                try:
                    fold(self._engine, record.offset, record.key, record.value, record.timestamp_ms)
                except Corrupt as fault:
                    self._fold_fault = str(fault)
            self._offset = record.offset
            if self._core is not None and record.offset == self._core[1]:
                self._hash_at_core = state_hash(self._engine.state)

    def _core_finding(self) -> Finding:
        figures: dict[str, int | float | str] = {"events": self._events, "offset": self._offset}
        if self._fold_fault is not None:
            return finding("log fold = core", figures, [self._fold_fault])
        if self._core is None:
            return finding(
                "log fold", {**figures, "state_hash": _short_hash(self._engine), "core": "not looked at"}, []
            )
        core_hash, core_offset = self._core
        figures |= {"core_offset": core_offset, "state_hash": core_hash[:16]}
        same = self._hash_at_core == core_hash
        fault = f"the core says {core_hash}, the log folds to {self._hash_at_core} at offset {core_offset}"
        return finding("log fold = core", figures, [] if same else [fault])

    def _invariants(self) -> Finding:
        state = self._engine.state
        figures: dict[str, int | float | str] = {"orders": len(state.positions), "deposits": len(state.deposits)}
        return finding("invariants", figures, violations(state))

    def _questdb(self) -> Finding:
        settings = self._settings
        if not settings.questdb_url:
            return finding("QuestDB candles", {"looked_at": "no, QUESTDB_URL is not set"}, [])
        folded = self._tables.candles
        return candles.check(
            settings.questdb_url, settings.questdb_table_prefix, folded, self._end, settings.audit_wait_s
        )

    def _answered(self, queue: QueueSpec) -> Finding:
        with _reader(queue.brokers, queue.topic) as reader:
            commands = [record for records in _chunks(reader, self._queue_ends[queue.name]) for record in records]
        return self._answers.check(queue.name, commands)


def _short_hash(engine: Engine) -> str:
    return state_hash(engine.state)[:16]


def _reader(brokers: str, topic: str) -> LogReader:
    return LogReader(brokers, topic, start="earliest", group=f"audit-{uuid4()}")


def _end_of(queue: QueueSpec) -> int:
    with _reader(queue.brokers, queue.topic) as reader:
        return reader.end_offset()


def _let_decide(settings: AuditSettings, queue_ends: dict[str, int], log_end: int) -> None:
    """Wait for the answers of commands that stood on a queue when the audit began; afterwards none is excused."""
    answers = Answers()
    deadline = time.monotonic() + min(DECIDE_WAIT_S, settings.audit_wait_s)
    start = max(0, log_end - TAIL_RECORDS)
    with LogReader(settings.broker, settings.core_event_log, start=start, group=f"audit-{uuid4()}") as tail:
        while time.monotonic() < deadline and any(answers.reached(q) < end - 1 for q, end in queue_ends.items()):
            for record in tail.read(CHUNK_RECORDS, READ_WAIT_S):
                answers.reach(decode_key(record.key))


def _chunks(log: LogReader, end: int) -> Iterator[list[Record]]:
    """Yield the records below the offset, in log order, in chunks of bounded size."""
    chunk: list[Record] = []
    start = log.start_offset()
    while max(start, log.position()) < end:
        chunk.extend(record for record in log.read(CHUNK_RECORDS, READ_WAIT_S) if record.offset < end)
        if len(chunk) >= CHUNK_RECORDS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _snapshot(settings: AuditSettings, end: int) -> psycopg.Connection[tuple[object, ...]]:
    """Return a connection whose one transaction sees the tables at a position at or behind the log's end.

    Raises:
        Unavailable: the archiver does not come that far within the time.
    """
    deadline = time.monotonic() + settings.audit_wait_s
    while True:
        connection = connect(settings.database_url, "audit")
        connection.autocommit = False
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reached = position(connection)
        if reached >= end or _is_behind_markers_only(settings, reached, end):
            return connection
        connection.close()
        if time.monotonic() > deadline:
            raise Unavailable(f"the archiver stands at {reached}, the log ended at {end}: is it running?")
        time.sleep(POLL_S)


def _is_behind_markers_only(settings: AuditSettings, reached: int, end: int) -> bool:
    """Return whether no record stands between the two offsets: transaction markers take offsets too (C9)."""
    with LogReader(settings.broker, settings.core_event_log, start=reached, group=f"audit-{uuid4()}") as log:
        while log.position() < end:
            if log.read(1, READ_WAIT_S):
                return False
    return True


def _core_state(settings: AuditSettings) -> tuple[str, int] | None:
    """Return the core's state hash and its offset, None when no core was named.

    Raises:
        Unavailable: the core does not answer, or does not lead.
    """
    if not settings.core_ops_url:
        return None
    deadline = time.monotonic() + settings.audit_wait_s
    while True:
        found = _ask_core(settings.core_ops_url)
        if "state_hash" in found:
            return str(found["state_hash"]), int(found["state_hash_offset"])
        if time.monotonic() > deadline:
            raise Unavailable(f"the core at {settings.core_ops_url} shows no state hash: does it lead?")
        time.sleep(POLL_S)


def _ask_core(url: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = httpx.get(f"{url.rstrip('/')}/readyz", timeout=HTTP_TIMEOUT_S).json()
    except (httpx.HTTPError, ValueError):
        return {}
    return answer
