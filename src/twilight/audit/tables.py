"""PostgreSQL against the log, within one snapshot of the database (storage specification 1).

What an event means as rows is computed anew from the log and compared with whole tables, so nothing that is missing,
doubled, different or invented can hide.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from twilight.archiver.postgres.batch import Batch
from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.fold import Fold
from twilight.archiver.postgres.tables import (
    CANDLE,
    EVENT_TABLES,
    HISTORY_TABLES,
    SOURCE_COLUMNS,
    TRANSACTION_HASH,
    Row,
)
from twilight.archiver.record import CORE, Entry
from twilight.audit.comparing import Shape, Twin
from twilight.audit.finding import Faults, Finding, finding
from twilight.audit.raw import RawLog
from twilight.audit.request_ids import RequestIds
from twilight.audit.states import States
from twilight.wire.events import TraderOrderEvent, TxHashEvent, TxHashUpdateEvent

_TABLES = (*EVENT_TABLES, *HISTORY_TABLES)
_FILLED_AT = TRANSACTION_HASH.columns.index("request_id_filled")


class Tables:
    """Compares chunk by chunk while the log is read; `findings` at the end compares what only the end can tell."""

    def __init__(self, connection: Connection) -> None:
        self.raw = RawLog(connection)
        self._states = States(connection)
        self._typed = {
            table: Twin(connection, Shape(table.name, SOURCE_COLUMNS[:4], table.columns)) for table in _TABLES
        }
        self._fold = Fold()
        self._request_ids = RequestIds()
        self._faults = Faults()
        self._rows = 0
        self._next_offset = 0

    @property
    def candles(self) -> str:
        """The name of the temporary table that holds the candles of the log so far."""
        return self._states.name_of(CANDLE)

    def take(self, entries: Sequence[Entry]) -> Batch:
        """Compare the rows of these events and return them; entries come in log order without a gap between calls."""
        first, last = self._next_offset, entries[-1].source.offset
        self._next_offset = last + 1
        self._states.learn_trades(self._fold, entries)
        batch = self._fold.take(entries)
        self.raw.take(entries, first)
        self._name_answers(entries, batch.rows.get(TRANSACTION_HASH, []))
        within = sql.SQL("src_stream = {} AND src_partition = 0 AND src_offset BETWEEN {} AND {}").format(
            CORE, first, last
        )
        for table, twin in self._typed.items():
            rows = batch.rows.get(table, [])
            twin.fill(rows)
            twin.compare(self._faults, within)
            self._rows += len(rows)
        self._states.take(batch)
        return batch

    def _name_answers(self, entries: Sequence[Entry], rows: list[Row]) -> None:
        """Fill in whose request each answer belongs to, from the log alone."""
        filled: dict[int, str | None] = {}
        for entry in entries:
            event = entry.event
            if not entry.is_live:
                continue
            if isinstance(event, TxHashEvent | TxHashUpdateEvent):
                filled[entry.source.offset] = self._request_ids.filled(entry.source.offset, event)
            elif isinstance(event, TraderOrderEvent) and event.order.order_status == "CANCELLED":
                self._request_ids.forget(event.order.uuid)
        for at, row in enumerate(rows):
            offset: Any = row[2]
            rows[at] = (*row[:_FILLED_AT], filled[offset], *row[_FILLED_AT + 1 :])

    def findings(self) -> list[Finding]:
        """Return what was found, after the last chunk."""
        known = sql.SQL("src_stream = {} AND src_partition = 0 AND src_offset BETWEEN 0 AND {}").format(
            CORE, self._next_offset - 1
        )
        for twin in self._typed.values():
            twin.compare_strangers(self._faults, known)
        self.raw.close()
        states, candles = Faults(), Faults()
        counts = self._states.compare(states, candles)
        candle_count = counts.pop(CANDLE.name)
        return [
            finding(
                "PostgreSQL raw log",
                {"records": self.raw.records, "next_offset": self._next_offset},
                self.raw.faults,
            ),
            finding("PostgreSQL typed rows", {"rows": self._rows}, self._faults),
            finding("PostgreSQL states", {**counts}, states),
            finding("PostgreSQL candles", {"candles": candle_count}, candles),
        ]
