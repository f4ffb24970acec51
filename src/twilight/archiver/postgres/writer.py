"""One transaction for each batch: raw rows, typed rows, derived rows and the position (storage specification 3.2).

The writer holds the advisory lock of its stream on its own connection, so it is the only one that can write; whatever
it remembers between batches is read from the tables at its start, so after any error it is simply opened again.
"""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from twilight.archiver.postgres import copying, tables
from twilight.archiver.postgres.batch import Batch, Key
from twilight.archiver.postgres.candles import recount
from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.copying import copy_rows, leaving, replacing, upsert
from twilight.archiver.postgres.fold import Fold
from twilight.archiver.postgres.folding.moves import candle_row
from twilight.archiver.postgres.loading import learn_trades, load_duplicates, load_memory
from twilight.archiver.postgres.raw import write_found, write_raw
from twilight.archiver.postgres.tables import Row, StateTable
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE, Entry
from twilight.ops.errors import Corrupt, Unavailable

CONSUMER = "archiver"
PARTITION_LEAD = 1_000_000  # offsets: the next partition of each table is made this long before it is needed
PARTITION_LOCK = 0x70617274  # any number that only the making of partitions uses

_MARGINS_ONLY = (
    " ON CONFLICT (uuid) DO UPDATE SET available_margin = EXCLUDED.available_margin,"
    " maintenance_margin = EXCLUDED.maintenance_margin, liquidation_price = EXCLUDED.liquidation_price,"
    " last_src_offset = EXCLUDED.last_src_offset WHERE trader_order_current.order_status = 'FILLED'"
)
_POOL_MINUTE = replacing(tables.POOL_MINUTE, ["samples"]) + (
    ", samples = lend_pool_price_minute.samples + EXCLUDED.samples"
)
_RULES: dict[StateTable, str] = {
    tables.ORDER_CURRENT: replacing(tables.ORDER_CURRENT, ["first_ts"]),
    tables.ORDER_MARGINS: _MARGINS_ONLY,
    tables.LEND_CURRENT: replacing(tables.LEND_CURRENT, ["first_ts"]),
    tables.ACCOUNT_LINK: leaving(tables.ACCOUNT_LINK),
    tables.TRADE: leaving(tables.TRADE),
    tables.CANDLE: replacing(tables.CANDLE),
    tables.TRIGGER_CURRENT: replacing(tables.TRIGGER_CURRENT),
    tables.ORDER_BOOK: replacing(tables.ORDER_BOOK),
    tables.POOL_MINUTE: _POOL_MINUTE,
}
_EMPTY_BOOK = "DELETE FROM order_book_entry b USING stage_order_book_entry s WHERE s.size = 0 AND (b.order_uuid, b.kind) = (s.order_uuid, s.kind)"  # noqa: E501 - one statement

_NAME_ANSWERS = """
UPDATE transaction_hash AS unnamed SET request_id_filled = (
    SELECT earlier.request_id_filled FROM transaction_hash AS earlier
    WHERE earlier.order_id = unnamed.order_id AND earlier.src_offset < unnamed.src_offset
      AND earlier.request_id_filled IS NOT NULL
      AND earlier.order_status = ANY (CASE
          WHEN unnamed.order_status = 'FILLED' THEN ARRAY['PENDING']
          WHEN unnamed.order_status = 'LIQUIDATE' THEN ARRAY['FILLED', 'PENDING']
          WHEN unnamed.order_status = 'SETTLED' AND unnamed.order_type = 'LIMIT'
              THEN ARRAY['LimitPriceAdded', 'LimitPriceUpdated']
          WHEN unnamed.order_status = 'SETTLED' AND unnamed.order_type = 'Stoploss'
              THEN ARRAY['StopLossAdded', 'StopLossUpdated']
          WHEN unnamed.order_status = 'SETTLED' AND unnamed.order_type = 'Takeprofit'
              THEN ARRAY['TakeProfitAdded', 'TakeProfitUpdated']
          ELSE ARRAY[]::text[] END)
    ORDER BY earlier.src_offset DESC LIMIT 1)
WHERE unnamed.src_stream = %s AND unnamed.src_partition = %s AND unnamed.src_offset = ANY (%s)
  AND unnamed.request_id_filled IS NULL
"""


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


class _Step(NamedTuple):
    """How far a batch moves the position."""

    next_offset: int
    broker_ts: str
    newest_event_ns: int | None
    records: int
    gaps: int


class Moved(Unavailable):
    """The tables are not where this writer left them: someone else wrote or swapped them; open it again."""


class Writer:
    """Writes one stream. `try_lock`, then `open`; after any error but a refused batch, make a new one."""

    def __init__(self, connection: Connection, stream: str, partition: int = 0, *, keeps_raw_log: bool = True) -> None:
        self._connection = connection
        self._keeps_raw_log = keeps_raw_log
        self._stream = stream
        self._partition = partition
        self._fold = Fold()
        self._partitions_to = -1
        self._generation = 0
        self._topic_id: str | None = None
        self.position: int | None = None

    def try_lock(self) -> bool:
        """Return whether this process may write the stream; another one that does is active (a standby waits)."""
        name = f"{CONSUMER}/{self._stream}/{self._partition}"
        row = self._connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
        return bool(row and row[0])

    def open(self, topic_id: str | None = None) -> Reader:
        """Read where the tables end; return a reader of entries that goes on there.

        Raises:
            Corrupt: the tables are of another incarnation of the topic.
        """
        copying.make_stages(self._connection, tables.STATE_TABLES)
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
        """Forget what a batch that was refused has left in memory."""
        if self._stream == CORE:
            self._fold = Fold(load_memory(self._connection, self._stream, self._partition))

    def write(self, entries: Sequence[Entry], newest_event_ns: int | None = None) -> int:
        """Write a batch and its position in one transaction; return how many rows it made.

        Raises:
            Moved: the position is not the one that this writer left.
            psycopg.Error: it was rolled back; `blames_a_record` tells whether a record of the batch is to blame.
        """
        step = self._step(entries, newest_event_ns)
        self._make_partitions(step.next_offset)
        try:
            return self._write(entries, step)
        except psycopg.errors.UniqueViolation:
            new = self._without_known(entries)
            if len(new) == len(entries):
                raise
            self.reload()
            return self._write(new, step)

    def _step(self, entries: Sequence[Entry], newest_event_ns: int | None) -> _Step:
        first, last = entries[0].source.offset, entries[-1].source
        before = first if self.position is None else self.position
        gaps = max(0, last.offset + 1 - before - len(entries))
        return _Step(last.offset + 1, last.broker_ts, newest_event_ns, len(entries), gaps)

    def _write(self, entries: Sequence[Entry], step: _Step) -> int:
        batch = self._gather(entries)
        with self._connection.transaction():
            self._write_position(step)
            if self._keeps_raw_log:
                write_raw(self._connection, entries)
            write_found(self._connection, entries)
            self._write_rows(batch)
        self.position = step.next_offset
        return len(entries) + batch.count()

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
        unknown = self._fold.unknown_orders(entries)
        learn_trades(self._connection, self._fold.memory.trades, unknown)
        return self._fold.take(entries)

    def _write_rows(self, batch: Batch) -> None:
        for table, rows in batch.rows.items():
            copy_rows(self._connection, table.name, table.columns, rows)
        for state, rule in _RULES.items():
            upsert(self._connection, state, list(state_rows(batch, state).values()), rule)
        if tables.ORDER_BOOK in batch.states:
            self._connection.execute(_EMPTY_BOOK)
        if batch.unnamed:
            self._connection.execute(_NAME_ANSWERS, (self._stream, self._partition, batch.unnamed))
        if batch.late:
            recount(self._connection, batch.late)

    def _write_position(self, step: _Step) -> None:
        """Move the position, first of all: its row is what two transactions on one stream would wait for."""
        written = self._connection.execute(
            _POSITION,
            {
                **step._asdict(),
                "consumer": CONSUMER,
                "stream": self._stream,
                "partition": self._partition,
                "topic": self._topic_id,
                "before": -1 if self.position is None else self.position,
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


def state_rows(batch: Batch, table: StateTable) -> dict[Key, Row]:
    """Return the rows that a batch gives a table of states, by key."""
    if table == tables.CANDLE:
        return {key: candle_row(candle) for key, candle in batch.candles.items()}
    return batch.states.get(table, {})
