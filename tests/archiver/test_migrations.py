"""Migrations run once, forward only, and are the ones that the database was made with."""

import pytest
from archiving import Archive

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
