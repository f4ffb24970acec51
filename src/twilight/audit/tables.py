"""PostgreSQL against the log, within one snapshot of the database (storage specification 1).

What an event means as rows is computed anew from the log and compared with the tables by the database itself, set
against set, so nothing that is missing, doubled or different can hide.
"""

from collections import Counter
from collections.abc import Sequence

import psycopg
from psycopg import sql

from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.copying import copy_rows
from twilight.archiver.postgres.expected import Expected
from twilight.archiver.postgres.tables import (
    CANDLE,
    EVENT_TABLES,
    HISTORY_TABLES,
    ORDER_MARGINS,
    STATE_TABLES,
    TRANSACTION_HASH,
    Row,
    Table,
)
from twilight.archiver.record import CORE, Entry
from twilight.audit.finding import Finding, finding
from twilight.domain.candles import Candle

_EVERY_ROW = sql.SQL("true")
_BACKFILLED = {TRANSACTION_HASH: "request_id_filled"}
STATES = tuple(table for table in STATE_TABLES if table not in (ORDER_MARGINS, CANDLE))
"""Everything that is one row for each key, but the candles, which have a finding of their own."""


class Tables:
    """Compares chunk by chunk while the log is read; `findings` at the end compares what is one row a key."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._faults: dict[str, list[str]] = {"raw": [], "typed": [], "states": [], "candles": []}
        self._rows: Counter[str] = Counter()
        self._expected = Expected()
        self.candles: dict[tuple[int, int], Candle] = {}
        self._next_offset = 0

    def take(self, entries: Sequence[Entry]) -> None:
        """Compare the rows of these records; entries come in log order without a gap between calls."""
        first, last = self._next_offset, entries[-1].source.offset
        self._next_offset = last + 1
        self._compare_raw(entries, first, last)
        batch = self._expected.take(entries)
        for table in (*EVENT_TABLES, *HISTORY_TABLES):
            self._compare_typed(table, batch.rows.get(table, []), first, last)
        self.candles.update(batch.candles)

    def _compare_raw(self, entries: Sequence[Entry], first: int, last: int) -> None:
        found = self._connection.execute(
            "SELECT \"offset\", coalesce(key_raw, ''), payload_sha256, sha256(coalesce(payload_raw, ''))"
            ' FROM event_log WHERE stream = %s AND "offset" BETWEEN %s AND %s',
            (CORE, first, last),
        ).fetchall()
        stored = {int(str(row[0])): (bytes(row[1]), bytes(row[2]), bytes(row[3])) for row in found}
        for entry in entries:
            offset = entry.source.offset
            expected = (entry.key_raw or b"", entry.payload_sha256, entry.payload_sha256)
            row = stored.pop(offset, None)
            if row != expected:
                self._faults["raw"].append(f"offset {offset}: {'missing' if row is None else 'differs'} in event_log")
        self._faults["raw"].extend(f"offset {offset}: in event_log but not in the log" for offset in stored)
        self._rows["event_log"] += len(found)

    def _compare_typed(self, table: Table, rows: list[Row], first: int, last: int) -> None:
        columns = [column for column in table.columns if column != _BACKFILLED.get(table)]
        where = sql.SQL("src_stream = {} AND src_offset BETWEEN {} AND {}").format(CORE, first, last)
        fault = self._difference(table.name, table.columns, columns, rows, where)
        if fault:
            self._faults["typed"].append(f"{table.name}, offsets {first} to {last}: {fault}")
        self._rows["typed"] += len(rows)

    def _difference(
        self,
        table: str,
        columns: Sequence[str],
        compared: Sequence[str],
        rows: Sequence[Row],
        where: sql.Composable = _EVERY_ROW,
    ) -> str | None:
        """Return what distinguishes the table's rows from the expected ones, None when nothing does."""
        expected = sql.Identifier(f"audit_{table}")
        target = sql.Identifier(table)
        self._connection.execute(
            sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} (LIKE {} INCLUDING DEFAULTS)").format(expected, target),
        )
        self._connection.execute(sql.SQL("TRUNCATE {}").format(expected))
        copy_rows(self._connection, f"audit_{table}", columns, rows)
        names = sql.SQL(", ").join(map(sql.Identifier, compared))
        there = sql.SQL("SELECT {} FROM {} WHERE {}").format(names, target, where)
        wanted = sql.SQL("SELECT {} FROM {}").format(names, expected)
        missing, extra = (
            self._count(sql.SQL("SELECT count(*) FROM ({} EXCEPT ALL {}) AS d").format(one, other))
            for one, other in ((wanted, there), (there, wanted))
        )
        return f"{missing} rows are missing or differ, {extra} are too many" if missing or extra else None

    def _count(self, query: sql.Composed) -> int:
        row = self._connection.execute(query).fetchone()
        return 0 if row is None else int(str(row[0]))

    def findings(self) -> list[Finding]:
        """Return what was found, after the last chunk."""
        self._compare_states()
        self._compare_candles()
        next_offset: int = self._next_offset
        return [
            finding(
                "PostgreSQL raw log",
                {"records": self._rows["event_log"], "next_offset": next_offset},
                self._faults["raw"],
            ),
            finding("PostgreSQL typed rows", {"rows": self._rows["typed"]}, self._faults["typed"]),
            finding(
                "PostgreSQL states",
                {table.name: len(self._expected.rows(table)) for table in STATES},
                self._faults["states"],
            ),
            finding("PostgreSQL candles", {"candles": len(self.candles)}, self._faults["candles"]),
        ]

    def _compare_states(self) -> None:
        for table in STATES:
            fault = self._difference(table.name, table.columns, table.columns, self._expected.rows(table))
            if fault:
                self._faults["states"].append(f"{table.name}: {fault}")

    def _compare_candles(self) -> None:
        fault = self._difference(CANDLE.name, CANDLE.columns, CANDLE.columns, self._expected.rows(CANDLE))
        if fault:
            self._faults["candles"].append(f"candle: {fault}")


def position(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """Return how far the archiver has written the event log, in the connection's snapshot."""
    row = connection.execute(
        "SELECT next_offset FROM ingest_offset WHERE consumer = 'archiver' AND stream = %s",
        (CORE,),
    ).fetchone()
    return 0 if row is None else int(str(row[0]))
