"""Every derived table made anew from the raw log, beside the live ones, and swapped in one transaction (issue 6).

The archiver may run on: until the swap it writes the old tables, and after it the new ones. While the last records
are brought in and the tables change places, the position of the stream is locked, so that it waits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psycopg import sql

from twilight.archiver.pipeline import Pipeline
from twilight.archiver.postgres.connection import Connection, connect
from twilight.archiver.postgres.migrate import make_views, migrate
from twilight.archiver.postgres.tables import DERIVED_TABLES
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.reading import Reader
from twilight.archiver.record import CORE, Entry
from twilight.archiver.upkeep.completeness import demand_whole_log
from twilight.archiver.upkeep.stored import CHUNK_RECORDS, next_offset, stored_records
from twilight.ops.errors import SettingsError, Unavailable

SCHEMA = "twilight_rebuild"
LOCK = "twilight/rebuild"
REBUILDABLE = (*DERIVED_TABLES, "event_duplicate")

Progress = Callable[[int, int], None]
"""Told the offset that was read and the one at which the log ends."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    tables: tuple[str, ...]
    records: int
    rows: int
    resolved: int
    dead: int


def rebuild(url: str, names: Sequence[str] = (), progress: Progress = lambda _offset, _end: None) -> Rebuilt:
    """Make the tables anew and put them in the place of the old ones; dead letters that can be read now are resolved.

    Args:
        url: the archive.
        names: the tables; none means all.
        progress: told how far it is.

    Raises:
        SettingsError: a name is none of a derived table.
        Incomplete: the raw log does not hold everything that was ingested; nothing was changed.
        Unavailable: another rebuild is at work, or PostgreSQL does not answer.
    """
    tables = tuple(names) or REBUILDABLE
    if unknown := sorted(set(tables) - set(REBUILDABLE)):
        raise SettingsError([f"{', '.join(unknown)}: expected tables among {', '.join(REBUILDABLE)}"])
    with connect(url, "rebuild") as live:
        _lock(live)
        demand_whole_log(live, CORE)
        live.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        live.execute(f"CREATE SCHEMA {SCHEMA}")
        with connect(url, "rebuild", schema=SCHEMA) as beside, connect(url, "rebuild", schema=SCHEMA) as asking:
            return _Rebuild(live, beside, asking, progress).run(tables)


def _lock(live: Connection) -> None:
    row = live.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (LOCK,)).fetchone()
    if not (row and row[0]):
        raise Unavailable("another rebuild of this archive is at work")


class _Rebuild:
    """One rebuild: `live` sees the tables in use, `beside` and `asking` the ones that are made."""

    def __init__(self, live: Connection, beside: Connection, asking: Connection, progress: Progress) -> None:
        self._live = live
        self._progress = progress
        migrate(beside)
        self._beside = beside
        self._writer = Writer(beside, CORE, keeps_raw_log=False, asking=asking)
        self._reader: Reader = self._writer.open()
        self._records = 0
        self._rows = 0

    def run(self, tables: tuple[str, ...]) -> Rebuilt:
        """Read the log up to where the archive stands, then swap."""
        while self._behind() > CHUNK_RECORDS:
            self._catch_up()
        with self._live.transaction():
            next_offset(self._live, CORE, locked=True)
            self._catch_up()
            demand_whole_log(self._live, CORE)
            resolved = self._reconcile_dead_letters()
            dead = self._count("dead_letter")
            self._swap(tables)
            self._live.execute("UPDATE ingest_offset SET generation = generation + 1 WHERE stream = %s", (CORE,))
        self._live.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
        return Rebuilt(tables, self._records, self._rows, resolved, dead)

    def _behind(self) -> int:
        return next_offset(self._live, CORE) - (self._writer.position or 0)

    def _catch_up(self) -> None:
        """Write everything that stands in the raw log now."""
        end = next_offset(self._live, CORE)
        with Pipeline(self._writer, self._count_stored) as pipeline:
            for records in stored_records(self._live, CORE, self._writer.position or 0, end):
                pipeline.put(self._reader.entries(records), self._reader.newest_event_ns)
                self._progress(records[-1].offset + 1, end)
            pipeline.drain()

    def _count_stored(self, entries: Sequence[Entry], rows: int, _seconds: float) -> None:
        self._records += len(entries)
        self._rows += rows

    def _count(self, table: str) -> int:
        row = self._beside.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        return 0 if row is None else int(row[0])

    def _reconcile_dead_letters(self) -> int:
        """Resolve those that were read this time, add those that were not before; return how many were resolved."""
        resolved = self._live.execute(
            "UPDATE dead_letter d SET resolved_at = now() WHERE resolved_at IS NULL AND stream = %s AND NOT EXISTS"  # noqa: S608
            f' (SELECT FROM {SCHEMA}.dead_letter n WHERE n.stream = d.stream AND n."offset" = d."offset")',
            (CORE,),
        )
        self._live.execute(
            'INSERT INTO dead_letter (stream, partition, "offset", reason, detail, key_raw, payload_raw)'  # noqa: S608
            f' SELECT stream, partition, "offset", reason, detail, key_raw, payload_raw FROM {SCHEMA}.dead_letter'
            ' ON CONFLICT (stream, partition, "offset") DO UPDATE SET attempts = dead_letter.attempts + 1,'
            " resolved_at = NULL, reason = EXCLUDED.reason, detail = EXCLUDED.detail"
        )
        return resolved.rowcount

    def _swap(self, tables: Sequence[str]) -> None:
        """Let the tables change places; views and functions over them are made anew."""
        row = self._live.execute("SELECT current_schema()").fetchone()
        schema = str(row[0]) if row else "public"
        self._live.execute(
            "DROP VIEW IF EXISTS candles_1min, candles_1hour, candles_1day;"
            "DROP FUNCTION IF EXISTS trader_order_as_of, lend_order_as_of, trigger_as_of, order_book_as_of"
        )
        for table in tables:
            self._live.execute(sql.SQL("DROP TABLE {}.{}").format(sql.Identifier(schema), sql.Identifier(table)))
            for name in (table, *self._partitions(table)):
                self._live.execute(
                    sql.SQL("ALTER TABLE {}.{} SET SCHEMA {}").format(
                        sql.Identifier(SCHEMA), sql.Identifier(name), sql.Identifier(schema)
                    )
                )
        make_views(self._live)

    def _partitions(self, table: str) -> list[str]:
        found = self._live.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass(%s)",
            (f"{SCHEMA}.{table}",),
        )
        return [str(name) for (name,) in found]
