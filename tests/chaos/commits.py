"""Where the active archiver stands in its transaction, and how to catch it at a place: told and held by PostgreSQL."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import psycopg
from psycopg import sql
from tests.core.processes import until

from twilight.local.servers import Postgres

CAUGHT_S = 90
WRITTEN_IN_EACH_BATCH = ("ingest_offset", "event_log", "transaction_hash", "candle")

_WRITER = """
SELECT a.state, a.query, coalesce(a.wait_event, ''), a.backend_xid IS NOT NULL
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND a.datname = %(database)s
  AND l.database = (SELECT oid FROM pg_database WHERE datname = %(database)s)
  AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended('archiver/core/0', 0)
"""
_POSITION = "SELECT next_offset FROM ingest_offset WHERE consumer = 'archiver' AND stream = 'core'"


class Place(StrEnum):
    """Where a kill meets a writer."""

    BEFORE = "before the commit, with rows written"
    INSIDE = "inside the commit"
    AFTER = "between two transactions"


class Commits:
    """The transactions of the one archiver that writes the event log into a database."""

    def __init__(self, postgres: Postgres, database: str) -> None:
        self._database = database
        self._server_url, self._url = postgres.url(), postgres.url(database)

    def place(self) -> Place | None:
        """Return where the writer stands, None when there is none."""
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            found = connection.execute(_WRITER, {"database": self._database}).fetchone()
        if found is None:
            return None
        state, query, wait_event, has_written = found
        if wait_event == "SyncRep" or (state == "active" and query == "COMMIT"):
            return Place.INSIDE
        return Place.BEFORE if has_written or state != "idle" else Place.AFTER

    @contextmanager
    def caught(self, place: Place, chance: random.Random) -> Iterator[None]:
        """Run the body while the writer stands at the place; PostgreSQL holds it there until the body is done."""
        if place is Place.AFTER:
            self.until_committed()
            yield
            return
        hold = self._commits_held() if place is Place.INSIDE else self._table_held(chance.choice(WRITTEN_IN_EACH_BATCH))
        with hold:
            until(lambda: self._is_held(place), f"the archiver is caught {place}", CAUGHT_S)
            yield

    def until_committed(self) -> None:
        """Return right after a commit."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            before = connection.execute(_POSITION).fetchone()
            until(lambda: connection.execute(_POSITION).fetchone() != before, "the archiver commits", CAUGHT_S)

    def _is_held(self, place: Place) -> bool:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            found = connection.execute(_WRITER, {"database": self._database}).fetchone()
        expected = "SyncRep" if place is Place.INSIDE else "relation"
        return found is not None and found[2] == expected

    @contextmanager
    def _table_held(self, table: str) -> Iterator[None]:
        """Let nobody write the table."""
        with psycopg.connect(self._url) as connection:
            connection.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(table)))
            yield

    @contextmanager
    def _commits_held(self) -> Iterator[None]:
        """Let commits wait for a replica that there is not: written, durable, and never acknowledged."""
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            self._wait_for_replica(connection, "nobody")
            try:
                yield
            finally:
                self._wait_for_replica(connection, "")

    @staticmethod
    def _wait_for_replica(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
        connection.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(name))
        connection.execute("SELECT pg_reload_conf()")
