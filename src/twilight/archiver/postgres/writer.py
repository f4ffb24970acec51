"""One transaction for each batch: raw rows, typed rows, derived rows and the position (storage specification 3.2).

The writer holds the advisory lock of its stream on its own connection, so it is the only one that can write; whatever
it remembers between batches is read from the tables at its start, so after any error it is simply opened again.
"""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from twilight.archiver.postgres.batch import Batch
from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.fold import Fold
from twilight.archiver.postgres.loading import learn_trades, load_candles, load_duplicates, load_memory
from twilight.archiver.postgres.memory import ORDERS_REMEMBERED
from twilight.archiver.postgres.merging import Work, make_stages, work_of
from twilight.archiver.postgres.raw import found_copies, raw_copy
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE, Entry
from twilight.ops.errors import Corrupt, Unavailable

CONSUMER = "archiver"
PARTITION_LEAD = 1_000_000  # offsets: the next partition of each table is made this long before it is needed
PARTITION_LOCK = 0x70617274  # any number that only the making of partitions uses

_POSITION = """
INSERT INTO ingest_offset (consumer, stream, partition, next_offset, broker_ts, newest_event_ns, topic_id, records,
                           gaps)
VALUES (%(consumer)s, %(stream)s, %(partition)s, %(next_offset)s, %(broker_ts)s, %(newest_event_ns)s, %(topic)s,
        %(records)s, %(gaps)s)
ON CONFLICT (consumer, stream, partition) DO UPDATE SET
    next_offset = EXCLUDED.next_offset, broker_ts = EXCLUDED.broker_ts, topic_id = EXCLUDED.topic_id,
    updated_at = now(), newest_event_ns = coalesce(EXCLUDED.newest_event_ns, ingest_offset.newest_event_ns),
    records = ingest_offset.records + EXCLUDED.records, gaps = ingest_offset.gaps + EXCLUDED.gaps
WHERE ingest_offset.next_offset = %(before)s AND ingest_offset.generation = %(generation)s
"""


class Step(NamedTuple):
    """How far a batch moves the position."""

    before: int
    next_offset: int
    broker_ts: str
    newest_event_ns: int | None
    records: int
    gaps: int


class Prepared(NamedTuple):
    """A batch, folded and encoded: what is left is PostgreSQL's work."""

    entries: list[Entry]
    step: Step
    work: Work


class Moved(Unavailable):
    """The tables are not where this writer left them: someone else wrote or swapped them; open it again."""


class Writer:
    """Writes one stream. `try_lock`, then `open`; after any error but a refused batch, make a new one.

    `prepare` and `store` may run side by side in two threads, for one batch while the one before is stored, when
    `asking` is a connection of its own.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        partition: int = 0,
        *,
        keeps_raw_log: bool = True,
        asking: Connection | None = None,
    ) -> None:
        self._connection = connection
        self._asking = asking or connection
        self._keeps_raw_log = keeps_raw_log
        self._stream = stream
        self._partition = partition
        self._fold = Fold()
        self._partitions_to = -1
        self._generation = 0
        self._topic_id: str | None = None
        self._prepared_to: int | None = None
        self.position: int | None = None

    def try_lock(self) -> bool:
        """Return whether this process may write the stream; another one that does is active (a standby waits)."""
        row = self._connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (self._lock_name(),)
        ).fetchone()
        return bool(row and row[0])

    def unlock(self) -> None:
        """Let another process write the stream at once: a closed connection keeps the lock until its server notices."""
        self._connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (self._lock_name(),))

    def _lock_name(self) -> str:
        return f"{CONSUMER}/{self._stream}/{self._partition}"

    def open(self, topic_id: str | None = None) -> Reader:
        """Read where the tables end; return a reader of entries that goes on there.

        Raises:
            Corrupt: the tables are of another incarnation of the topic.
        """
        make_stages(self._connection)
        row = self._connection.execute(
            "SELECT next_offset, newest_event_ns, topic_id, generation FROM ingest_offset"
            " WHERE consumer = %s AND stream = %s AND partition = %s",
            (CONSUMER, self._stream, self._partition),
        ).fetchone()
        self.position, newest_ns, known_topic, self._generation = row or (None, None, None, 0)
        if topic_id is not None and known_topic not in (None, topic_id):
            raise Corrupt(
                f"stream {self._stream} was archived from topic {known_topic}, found topic {topic_id}: the topic was"
                " made anew; name a new stream (STREAM_CORE) or start with an empty database"
            )
        self._topic_id = topic_id or known_topic
        self.reload()
        return Reader(self._stream, self._duplicates(), newest_ns)

    def _duplicates(self) -> Duplicates:
        if self._stream != CORE or self.position is None:
            return Duplicates()
        return load_duplicates(self._connection, self._stream, self._partition, self.position)

    def reload(self) -> None:
        """Forget what was prepared and is not stored: go on from what the tables say."""
        self._prepared_to = self.position
        if self._stream == CORE:
            self._fold = Fold(load_memory(self._connection, self._stream, self._partition))

    def write(self, entries: list[Entry], newest_event_ns: int | None = None) -> int:
        """Write a batch and its position in one transaction; return how many rows it made.

        Raises:
            Moved: the position is not the one that this writer left.
            psycopg.Error: it was rolled back; `blames_a_record` tells whether a record of the batch is to blame.
        """
        prepared = self.prepare(entries, newest_event_ns)
        try:
            rows = self.store(prepared)
        except psycopg.errors.UniqueViolation:
            new = self._without_known(entries)
            if len(new) == len(entries):
                raise
            self.reload()
            step = prepared.step._replace(records=len(new), gaps=0)
            prepared = self.prepare(new, newest_event_ns, step)
            rows = self.store(prepared)
        if prepared.work.late:
            self.recall_candles()
        return rows

    def prepare(self, entries: list[Entry], newest_event_ns: int | None = None, step: Step | None = None) -> Prepared:
        """Fold and encode the batch that follows the one prepared last.

        Raises:
            ValueError, ArithmeticError: a value cannot be encoded.
            psycopg.Error: the tables could not be asked for the trades of an order.
        """
        step = step or self._step(entries, newest_event_ns)
        batch = self._gather(entries)
        raw = [raw_copy(entries)] if self._keeps_raw_log else []
        self._prepared_to = step.next_offset
        return Prepared(entries, step, work_of(batch, [*raw, *found_copies(entries)]))

    def store(self, prepared: Prepared) -> int:
        """Store a prepared batch and its position in one transaction; return how many rows it made.

        Raises:
            Moved: the position is not the one that this writer left.
            psycopg.Error: it was rolled back; `blames_a_record` tells whether a record of the batch is to blame.
        """
        self._make_partitions(prepared.step.next_offset)
        with self._connection.transaction():
            self._write_position(prepared.step)
            prepared.work.run(self._connection, self._stream, self._partition)
        self.position = prepared.step.next_offset
        return len(prepared.entries) + prepared.work.rows

    def recall_candles(self) -> None:
        """Remember the candles as they stand in the tables: to be called after a batch with late ones was stored.

        One that was counted anew has changed what the empty ones after it carry, and some of those are remembered.
        """
        self._fold.memory.candles = load_candles(self._connection)

    def _step(self, entries: Sequence[Entry], newest_event_ns: int | None) -> Step:
        first, last = entries[0].source.offset, entries[-1].source
        before = self._prepared_to
        gaps = max(0, last.offset + 1 - (first if before is None else before) - len(entries))
        at = -1 if before is None else before
        return Step(at, last.offset + 1, last.broker_ts, newest_event_ns, len(entries), gaps)

    def _without_known(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries whose records are not in the raw log: the same position again changes nothing."""
        found = self._connection.execute(
            'SELECT "offset" FROM event_log WHERE stream = %s AND partition = %s AND "offset" BETWEEN %s AND %s',
            (self._stream, self._partition, entries[0].source.offset, entries[-1].source.offset),
        )
        known = {offset for (offset,) in found}
        return [entry for entry in entries if entry.source.offset not in known]

    def _gather(self, entries: Sequence[Entry]) -> Batch:
        if self._stream != CORE:
            return Batch()
        trades = self._fold.memory.trades
        trades.forget_oldest(ORDERS_REMEMBERED)
        learn_trades(self._asking, trades, self._fold.unknown_orders(entries))
        return self._fold.take(entries)

    def _write_position(self, step: Step) -> None:
        """Move the position, first of all: its row is what two transactions on one stream would wait for."""
        written = self._connection.execute(
            _POSITION,
            {
                **step._asdict(),
                "consumer": CONSUMER,
                "stream": self._stream,
                "partition": self._partition,
                "topic": self._topic_id,
                "generation": self._generation,
            },
        )
        if written.rowcount != 1:
            raise Moved(f"stream {self._stream} is not at {self.position} any more")

    def _make_partitions(self, last_offset: int) -> None:
        needed = last_offset + PARTITION_LEAD
        if needed <= self._partitions_to:
            return
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITION_LOCK,))
            self._connection.execute("CALL create_partitions(%s)", (needed + PARTITION_LEAD,))
        self._partitions_to = needed + PARTITION_LEAD
