"""What the archiver asks the tables: never a whole table that grows with the log."""

from typing import Any

import psycopg
import pytest
from archiving import Archive

from twilight.archiver.postgres.candles import recount
from twilight.archiver.postgres.connection import Connection, connect
from twilight.archiver.postgres.isolating import write_isolating
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.record import CORE
from twilight.bus import Record

pytestmark = pytest.mark.servers

# What is read as a whole at a start: open orders and active triggers, by indexes of those alone, and the book of now.
STATES_OF_NOW = {"trader_order_current_open", "trigger_current_active", "order_book_entry"}

Statements = dict[str, Any]


def remembering(connection: Connection) -> Statements:
    """Return what gathers every statement of a connection with its last parameters."""
    statements: Statements = {}

    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            statements[str(query)] = params
            return super().execute(query, params, **options)

    connection.cursor_factory = Cursor
    return statements


def scans(node: dict[str, Any], *, is_limited: bool = False) -> list[tuple[str, bool]]:
    """Return what a plan scans, the table or index by name, and whether it may read all of it."""
    kind = node["Node Type"]
    is_limited = kind == "Limit" or (is_limited and kind not in ("Sort", "Aggregate", "Hash"))
    found = [scan for part in node.get("Plans", []) for scan in scans(part, is_limited=is_limited)]
    if "Scan" in kind and "Relation Name" in node and kind != "Bitmap Heap Scan":
        is_whole = kind == "Seq Scan" or not (node.get("Index Cond") or is_limited)
        found.append((node.get("Index Name", node["Relation Name"]), is_whole))
    return found


def test_the_archiver_reads_no_growing_table_without_an_index(archive: Archive, reference_log: list[Record]) -> None:
    archive.feed(reference_log[:600])
    archive.close()
    with connect(archive.url) as connection:
        statements = remembering(connection)
        writer = Writer(connection, CORE)
        reader = writer.open()
        write_isolating(writer, reader.entries(reference_log[600:1_500]), reader.newest_event_ns)
        recount(connection, {(60, 1_795_577_880)})
        asked = {text: given for text, given in statements.items() if " FROM " in text and "CREATE" not in text}
        assert len(asked) > 15

        connection.execute("SET enable_seqscan = off")
        whole: set[str] = set()
        for text, given in asked.items():
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode(), given).fetchone()
            assert row is not None
            whole |= {name for name, is_whole in scans(row[0][0]["Plan"]) if is_whole}
    assert {name for name in whole if not name.startswith("stage_")} <= STATES_OF_NOW
