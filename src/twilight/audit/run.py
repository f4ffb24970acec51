"""The audit from beginning to end: one pass over the log, everything held against it."""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass

from twilight.archiver.postgres.tables import PRICE, TRADE
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE, Entry
from twilight.audit import candles, core, live, quest, snapshot
from twilight.audit.core import CoreState
from twilight.audit.finding import Finding, finding
from twilight.audit.folding import LogFold
from twilight.audit.quest import QuestRows
from twilight.audit.queues import Queues
from twilight.audit.reading import CHUNK_RECORDS, READ_WAIT_S, Stretches, reader_of
from twilight.audit.settings import AuditSettings
from twilight.audit.snapshot import Snapshot
from twilight.audit.tables import Tables
from twilight.wire.keys import EventKey, decode_key

TAIL_RECORDS = 20_000
DECIDE_WAIT_S = 10.0

Progress = Callable[[int, int], None]
"""Told the offset that was read and the one at which the log ends."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is looked at beside the log and PostgreSQL; what is left out must have been left out in so many words."""

    core: bool = True
    questdb: bool = True


def audit(
    settings: AuditSettings, parts: Parts = Parts(), progress: Progress = lambda _offset, _end: None
) -> list[Finding]:
    """Return one finding for each thing that must hold; the books are right only if all of them do.

    A part that should be looked at and has no address is a finding that does not hold.

    Raises:
        Unavailable: Kafka, the core or a database does not answer, or does not come to the log's end within the time.
    """
    core_state = core.ask(settings) if parts.core and settings.core_ops_url else None
    with ExitStack() as stack:
        queues = stack.enter_context(Queues(settings.queues))
        _let_decide(settings, queues.ends)
        ends = {stream: _end_of(settings, topic) for stream, topic in settings.streams.items()}
        tables = snapshot.take(settings, ends)
        stack.enter_context(closing(tables.connection))
        rows = None
        if parts.questdb and settings.questdb_url:
            connection = stack.enter_context(closing(quest.connect(settings.questdb_url)))
            rows = QuestRows(connection, settings.questdb_table_prefix, settings.audit_wait_s)
        found = _Audit(settings, tables, queues, rows, core_state).run(progress)
    return [*found, *_left_out(settings, parts)]


def _left_out(settings: AuditSettings, parts: Parts) -> list[Finding]:
    """Say what was not looked at: a fault, unless that was asked for."""
    said = []
    for name, wanted, url, setting, option in (
        ("core", parts.core, settings.core_ops_url, "CORE_OPS_URL", "--without-core"),
        ("QuestDB", parts.questdb, settings.questdb_url, "QUESTDB_URL", "--without-questdb"),
    ):
        if not wanted:
            said.append(finding(name, {"not looked at": option}, []))
        elif not url:
            said.append(finding(name, {}, [f"not looked at: set {setting}, or say {option}"]))
    return said


class _Audit:
    """One pass."""

    def __init__(
        self,
        settings: AuditSettings,
        tables: Snapshot,
        queues: Queues,
        rows: QuestRows | None,
        core_state: CoreState | None,
    ) -> None:
        self._settings = settings
        self._snapshot = tables
        self._tables = Tables(tables.connection)
        self._queues = queues
        self._quest = rows
        self._fold = LogFold(core_state)
        self._end = tables.positions[CORE]

    def run(self, progress: Progress) -> list[Finding]:
        """Read the log to where the tables stand and return the findings.

        The tables may end inside a transaction of the core: money, totals and answers are judged at the end of the
        last whole one, tables where they end.
        """
        reader = Reader(CORE, Duplicates())
        whole = snapshot.whole_below(self._settings, self._end)
        with reader_of(self._settings.broker, self._settings.core_event_log) as log:
            events = Stretches(log)
            for records in events.below(whole):
                entries = reader.entries(records)
                for entry in entries:
                    self._fold.take(entry)
                    if entry.event is not None:
                        self._queues.take(entry.event, entry.key, entry.source.offset)
                self._queues.judge()
                self._compare(entries)
                progress(records[-1].offset, self._end)
            self._fold_intents()
            at_a_whole = [*self._fold.findings_at_a_whole(), *self._queues.findings(self._fold.in_flight())]
            for records in events.below(self._end):
                entries = reader.entries(records)
                for entry in entries:
                    self._fold.take(entry)
                self._compare(entries)
            self._compare_other_streams()
            found = [*self._fold.findings(), *self._tables.findings()]
            found.append(live.check(self._snapshot.connection, self._fold.state))
            found.extend(self._questdb(log.end_offset))
        return [*found, *at_a_whole]

    def _fold_intents(self) -> None:
        """Learn what the chain owes an answer; what was asked after the log was read does no harm."""
        with reader_of(self._settings.broker, self._settings.core_intent_topic) as topic:
            for records in Stretches(topic).below(topic.end_offset()):
                for record in records:
                    self._fold.take_intent(record)

    def _compare(self, entries: list[Entry]) -> None:
        batch = self._tables.take(entries)
        if self._quest is not None:
            self._quest.take(batch.rows.get(PRICE, []), list(batch.states.get(TRADE, {}).values()))

    def _compare_other_streams(self) -> None:
        """Compare the raw log of the streams that hold no events."""
        for stream, topic in self._settings.streams.items():
            end = self._snapshot.positions[stream]
            if stream == CORE or not end:
                continue
            reader, first = Reader(stream, Duplicates()), 0
            with reader_of(self._settings.broker, topic) as log:
                for records in Stretches(log).below(end):
                    self._tables.raw.take(reader.entries(records), first)
                    first = records[-1].offset + 1

    def _questdb(self, log_end: Callable[[], int]) -> list[Finding]:
        if self._quest is None:
            return []
        prefix, archive = self._settings.questdb_table_prefix, self._snapshot.connection
        rows = self._quest.close(self._end, log_end)
        sampled = candles.check(archive, self._tables.candles, self._quest.connection, prefix, self._end)
        return [rows, sampled]


def _end_of(settings: AuditSettings, topic: str) -> int:
    with reader_of(settings.broker, topic) as log:
        return log.end_offset()


def _let_decide(settings: AuditSettings, queue_ends: dict[str, int]) -> None:
    """Wait for the answers of commands that stood on a queue when the audit began; afterwards none is excused."""
    reached = dict.fromkeys(queue_ends, -1)
    deadline = time.monotonic() + min(DECIDE_WAIT_S, settings.audit_wait_s)
    start = max(0, _end_of(settings, settings.core_event_log) - TAIL_RECORDS)
    with reader_of(settings.broker, settings.core_event_log, start) as tail:
        while time.monotonic() < deadline and any(reached[queue] < end - 1 for queue, end in queue_ends.items()):
            for record in tail.read(CHUNK_RECORDS, READ_WAIT_S):
                key = decode_key(record.key)
                metadata = key.metadata if isinstance(key, EventKey) else None
                if metadata and metadata.get("queue") in reached:
                    queue = metadata["queue"]
                    reached[queue] = max(reached[queue], int(metadata["offset"]))
