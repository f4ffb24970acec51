"""Migrations run once, forward only, and are the ones that the database was made with."""

from collections.abc import Callable

import psycopg
import pytest
from archiving import Archive
from psycopg import sql

from twilight.archiver.postgres.migrate import migrate
from twilight.ops.errors import Corrupt

pytestmark = pytest.mark.servers


def test_a_second_run_changes_nothing(archive: Archive) -> None:
    assert migrate(archive.connection) == []


def test_a_migration_that_was_changed_afterwards_is_refused(archive: Archive) -> None:
    archive.connection.execute("UPDATE migration SET sha256 = 'other' WHERE name = '0001_log.sql'")

    with pytest.raises(Corrupt, match="is not the one that this database"):
        migrate(archive.connection)


def test_a_database_of_a_newer_archiver_is_refused(archive: Archive) -> None:
    archive.connection.execute("INSERT INTO migration (name) VALUES ('9999_future.sql')")

    with pytest.raises(Corrupt, match="newer archiver"):
        migrate(archive.connection)


def test_a_readers_role_that_an_administrator_makes_later_may_read_after_the_next_start(
    databases: Callable[[], str],
) -> None:
    url = databases()
    with psycopg.connect(url, autocommit=True) as connection:
        name = sql.Identifier(f"{connection.info.dbname}_reader")
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
        try:
            migrate(connection)
            connection.execute(sql.SQL("SET ROLE {}").format(name))
            assert connection.execute("SELECT count(*) FROM candles_1min").fetchone() == (0,)
        finally:
            connection.execute("RESET ROLE")
            for statement in ("DROP OWNED BY {}", "DROP ROLE {}"):
                connection.execute(sql.SQL(statement).format(name))
