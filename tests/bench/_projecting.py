"""From one event to the rows that it makes in all tables, one event at a time, as a stream processor works.

The arithmetic is the archiver's own: the fastest that a user of another sink could bring along. What that sink cannot
have is the merging of a whole batch: a tick is a row of three candles each time.
"""

from typing import Any

import msgspec

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.fold import Fold
from twilight.archiver.postgres.merging import state_rows
from twilight.archiver.postgres.raw import RAW
from twilight.archiver.postgres.values import json_text
from twilight.archiver.reading import Duplicates, Reader, key_columns
from twilight.archiver.record import CORE, Entry
from twilight.archiver.times import timestamp
from twilight.bus import Record

TableRow = tuple[str, dict[str, Any]]
_STATES = [table for table in tables.STATE_TABLES if table != tables.ORDER_MARGINS]


class Projecting:
    """Takes the records of a log in order."""

    def __init__(self) -> None:
        self._reader = Reader(CORE, Duplicates())
        self._fold = Fold()
        self._offset = 0

    def rows(self, key: bytes | None, value: bytes | None, timestamp_ms: int) -> list[TableRow]:
        """Return the rows of the next record, each with its table's name."""
        (entry,) = self._reader.entries([Record(CORE, 0, self._offset, timestamp_ms, key, value)])
        self._offset += 1
        batch = self._fold.take([entry])
        found = [named("event_log", RAW, raw_values(entry))]
        for table, rows in batch.rows.items():
            found += [named(table.name, table.columns, row) for row in rows]
        for state in _STATES:
            found += [named(state.name, state.columns, row) for row in state_rows(batch, state).values()]
        return found


def named(table: str, columns: tuple[str, ...] | list[str], values: tuple[Any, ...]) -> TableRow:
    """Return a row by column names, with its table's."""
    return table, {name.strip('"'): value for name, value in zip(columns, values, strict=True)}


def raw_values(entry: Entry) -> tuple[Any, ...]:
    """Return a record's row in the raw log, its bytes as PostgreSQL's hex."""
    agg_id, kind, version, metadata = key_columns(entry)
    hexes = [None if part is None else f"\\x{part.hex()}" for part in (entry.key_raw, entry.payload_raw)]
    event_ts = None if entry.event_ts_ns is None or not entry.has_own_time else timestamp(entry.event_ts_ns)
    stream, partition, offset, _, broker_ts = entry.source
    names = (agg_id, kind, version, None if metadata is None else json_text(metadata))
    sha256 = f"\\x{entry.payload_sha256.hex()}"
    return (stream, partition, offset, hexes[0], *names, hexes[1], sha256, broker_ts, event_ts)


def message(row: TableRow) -> tuple[bytes, bytes]:
    """Return key and value of a message that carries a row ready-made."""
    table, values = row
    return table.encode(), msgspec.json.encode(values)
