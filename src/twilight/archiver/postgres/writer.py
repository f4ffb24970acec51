"""One transaction for each batch: raw rows, typed rows, derived rows and the position (storage specification 3.2).

The writer holds the advisory lock of its stream, so it is the only one; whatever it remembers between batches is read
from the tables at its start, so after any error it is simply started again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from twilight.archiver.postgres import derived
from twilight.archiver.postgres.batch import Batch, Tick, gather
from twilight.archiver.postgres.derived import Connection, copy_rows
from twilight.archiver.postgres.tables import Row
from twilight.archiver.reading import DUPLICATE_WINDOW, Duplicates, Reader, content_digest, key_columns
from twilight.archiver.record import CORE, Entry
from twilight.archiver.times import NS_PER_S, timestamp
from twilight.archiver.trades import OrderTrade
from twilight.domain.candles import LENGTHS_S, Candle, CandleFold

CONSUMER = "archiver"
PARTITION = 0
PARTITION_LEAD = 1_000_000  # offsets: the next partition of each table is made this long before it is needed

RAW_COLUMNS = """stream partition offset key_raw agg_id event_type event_version key_metadata payload_raw
    payload_sha256 broker_ts event_ts""".split()
DEAD_COLUMNS = "stream partition offset reason detail key_raw payload_raw".split()
DUPLICATE_COLUMNS = "stream partition offset event_type first_offset".split()

_json = msgspec.json.Encoder()


def connect(url: str, service: str = "archiver") -> Connection:
    """Return a connection whose sessions speak UTC, whatever the server's setting.

    Raises:
        psycopg.OperationalError: the server does not answer.
    """
    return psycopg.connect(
        url,
        autocommit=False,
        application_name=f"twilight-{service}",
        options="-c timezone=UTC -c datestyle=ISO -c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
    )


class Writer:
    """Writes one stream. Call `open` first; after an exception from `write`, make a new one."""

    def __init__(self, connection: Connection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._folds: list[CandleFold] = []
        self._partitions_to = -1

    def try_lock(self) -> bool:
        """Return whether this process may write the stream; another one that does is active (a standby waits)."""
        name = f"{CONSUMER}/{self._stream}/{PARTITION}"
        row = self._connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
        self._connection.commit()
        return bool(row and row[0])

    def position(self) -> int | None:
        """Return the offset of the next record to write, None when nothing was written yet."""
        row = self._one(
            "SELECT next_offset FROM ingest_offset WHERE consumer = %s AND stream = %s AND partition = %s",
            (CONSUMER, self._stream, PARTITION),
        )
        return None if row is None else int(row[0])

    def reader(self) -> Reader:
        """Return a reader that goes on where the tables end."""
        newest = self._one(
            'SELECT event_ts FROM event_log WHERE stream = %s AND partition = %s ORDER BY "offset" DESC LIMIT 1',
            (self._stream, PARTITION),
        )
        newest_ns = None if newest is None or newest[0] is None else _nanoseconds(newest[0])
        return Reader(self._stream, self._duplicates(), newest_ns)

    def _duplicates(self) -> Duplicates:
        duplicates = Duplicates()
        if self._stream != CORE:
            return duplicates
        recent = self._connection.execute(
            "SELECT key_raw, payload_sha256, o FROM ("
            '  SELECT key_raw, payload_sha256, "offset" AS o FROM event_log'
            '  WHERE stream = %s AND partition = %s ORDER BY "offset" DESC LIMIT %s) AS newest ORDER BY o',
            (self._stream, PARTITION, DUPLICATE_WINDOW),
        )
        for key_raw, sha256, offset in recent:
            duplicates.first_offset(content_digest(_bytes(key_raw), _bytes(sha256)), int(str(offset)))
        return duplicates

    def load(self) -> None:
        """Read what the derived tables remember: the newest candles of each length."""
        self._folds = [CandleFold(length_s, self._newest_candles(length_s)) for length_s in LENGTHS_S]

    def _newest_candles(self, length_s: int) -> list[Candle]:
        found = self._connection.execute(
            f"SELECT {', '.join(derived.CANDLE)} FROM candle WHERE length_s = %s"  # noqa: S608 - our own columns
            " ORDER BY start_time DESC LIMIT %s",
            (length_s, CandleFold.REMEMBERED),
        ).fetchall()
        return [_candle(row) for row in reversed(found)]

    def write(self, entries: Sequence[Entry]) -> None:
        """Write a batch and its position in one transaction; everything or nothing is there afterwards.

        Raises:
            psycopg.Error: it was rolled back; `psycopg.DataError` and its kin blame a record of the batch.
        """
        last_offset = entries[-1].source.offset
        self._make_partitions(last_offset)
        with self._connection.transaction():
            self._write_raw(entries)
            if self._stream == CORE:
                self._write_events(entries)
            self._connection.execute(
                "INSERT INTO ingest_offset (consumer, stream, partition, next_offset, broker_ts, updated_at)"
                " VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (consumer, stream, partition) DO UPDATE SET"
                " next_offset = EXCLUDED.next_offset, broker_ts = EXCLUDED.broker_ts, updated_at = now()",
                (CONSUMER, self._stream, PARTITION, last_offset + 1, entries[-1].source.broker_ts),
            )
        self._connection.commit()

    def _make_partitions(self, last_offset: int) -> None:
        needed = last_offset + PARTITION_LEAD
        if needed > self._partitions_to:
            with self._connection.transaction():
                self._connection.execute("CALL create_partitions(%s)", (needed + PARTITION_LEAD,))
            self._partitions_to = needed + PARTITION_LEAD

    def _write_raw(self, entries: Sequence[Entry]) -> None:
        copy_rows(self._connection, "event_log", RAW_COLUMNS, map(_raw_row, entries))
        dead = [_dead_row(entry) for entry in entries if entry.dead is not None]
        if dead:
            copy_rows(self._connection, "dead_letter", DEAD_COLUMNS, dead)
        duplicates = [_duplicate_row(entry) for entry in entries if entry.duplicate_of is not None]
        if duplicates:
            copy_rows(self._connection, "event_duplicate", DUPLICATE_COLUMNS, duplicates)

    def _write_events(self, entries: Sequence[Entry]) -> None:
        batch = gather(entries)
        for table, rows in batch.rows.items():
            copy_rows(self._connection, table.name, table.columns, rows)
        derived.write_orders(self._connection, batch)
        self._write_moves(batch)
        derived.write_triggers(self._connection, batch)
        derived.write_book(self._connection, batch.orders_touched)
        derived.write_pool_minutes(self._connection, batch.pool_minutes)
        if batch.has_unnamed_fills:
            derived.name_fills(self._connection, entries[0].source.offset, entries[-1].source.offset)

    def _write_moves(self, batch: Batch) -> None:
        """Write trades that are the first of their kind, and the candles that ticks and trades change."""
        known = self._known_trades([move for move in batch.moves if isinstance(move, OrderTrade)])
        trades: list[OrderTrade] = []
        changed: dict[tuple[int, int], Candle] = {}
        for move in batch.moves:
            if isinstance(move, OrderTrade):
                if (move.order_uuid, move.trade_kind) in known:
                    continue
                known.add((move.order_uuid, move.trade_kind))
                trades.append(move)
            for candle in self._fold(move):
                changed[candle.length_s, candle.start_s] = candle
        derived.write_trades(self._connection, self._stream, PARTITION, trades)
        derived.write_candles(self._connection, changed.values())

    def _fold(self, move: Tick | OrderTrade) -> Iterable[Candle]:
        for fold in self._folds:
            if isinstance(move, Tick):
                yield from fold.tick(move.price, move.ts_ns, move.offset)
            else:
                yield from fold.trade(move.for_candle())

    def _known_trades(self, trades: Sequence[OrderTrade]) -> set[tuple[str, str]]:
        if not trades:
            return set()
        found = self._connection.execute(
            "SELECT order_uuid::text, trade_kind FROM trade WHERE order_uuid = ANY(%s::uuid[])",
            ([trade.order_uuid for trade in trades],),
        )
        return {(str(uuid), str(kind)) for uuid, kind in found}

    def _one(self, query: str, parameters: tuple[object, ...]) -> tuple[Any, ...] | None:
        row = self._connection.execute(query, parameters).fetchone()
        self._connection.commit()
        return row


def _raw_row(entry: Entry) -> Row:
    source = entry.source
    agg_id, kind, version, metadata = key_columns(entry.key, entry.kind)
    return (
        source.stream,
        source.partition,
        source.offset,
        entry.key_raw,
        _text(agg_id),
        _text(kind),
        _text(version),
        None if metadata is None else _json.encode(metadata).decode(),
        entry.payload_raw,
        entry.payload_sha256,
        source.broker_ts,
        None if entry.event_ts_ns is None else timestamp(entry.event_ts_ns),
    )


def _dead_row(entry: Entry) -> Row:
    reason, detail = entry.dead or ("", "")
    source = entry.source
    where = (source.stream, source.partition, source.offset)
    return (*where, reason, _text(detail), entry.key_raw, entry.payload_raw)


def _duplicate_row(entry: Entry) -> Row:
    source = entry.source
    return (source.stream, source.partition, source.offset, entry.kind, entry.duplicate_of)


def _text(text: str | None) -> str | None:
    """Return text as PostgreSQL can hold it: NUL and lone surrogates shown as replacements."""
    return None if text is None else text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * NS_PER_S + moment.microsecond * 1_000


def _candle(row: tuple[Any, ...]) -> Candle:
    fields = dict(zip(derived.CANDLE, row, strict=True))
    start = fields.pop("start_time")
    fields.pop("end_time")
    prices: dict[str, Any] = {name: float(fields.pop(name)) for name in ("open", "high", "low", "close")}
    return Candle(start_s=int(start.timestamp()), **prices, **fields)
