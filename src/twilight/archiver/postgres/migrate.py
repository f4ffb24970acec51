"""Numbered migrations, forward only, each once, by one process at a time (storage specification 9)."""

from importlib.resources import files

import psycopg

from twilight.ops import logs
from twilight.ops.errors import Corrupt

LOCK = 0x7477696C  # any number that only migrations of this program use

_log = logs.get(__name__)


def migrate(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """Bring the schema up to date; return the names of the migrations that were run.

    Raises:
        Corrupt: the database has migrations that this program does not know: it belongs to a newer one.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    try:
        return _run_missing(connection)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
        connection.commit()


def _run_missing(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now())",
    )
    done = {str(name) for (name,) in connection.execute("SELECT name FROM migration")}
    known = {entry.name: entry for entry in files(__package__).joinpath("migrations").iterdir()}
    if unknown := sorted(done - known.keys()):
        raise Corrupt(f"the database has migrations of a newer archiver: {', '.join(unknown)}")
    missing = sorted(name for name in known.keys() - done if name.endswith(".sql"))
    for name in missing:
        connection.execute(known[name].read_bytes())
        connection.execute("INSERT INTO migration (name) VALUES (%s)", (name,))
        connection.commit()
        _log.info("migrated", migration=name)
    return missing
