"""Numbered migrations, forward only, each once, by one process at a time (storage specification 9)."""

import hashlib
from importlib.resources import files

from twilight.archiver.postgres.connection import Connection
from twilight.ops import logs
from twilight.ops.errors import Corrupt

LOCK = 0x7477696C  # any number that only migrations of this program use

_VIEWS = "views-"  # followed by the hash of their text: they are made anew when it changes

_log = logs.get(__name__)


def migrate(connection: Connection) -> list[str]:
    """Bring the schema up to date, and let the readers' role read it; return the names of the migrations that were run.

    Raises:
        Corrupt: the database has migrations that this program does not know: it belongs to a newer one.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    try:
        done = _run_missing(connection)
        _refresh_views(connection)
        connection.execute(_text("grants.sql"))
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
    return done


def _run_missing(connection: Connection) -> list[str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now())",
    )
    connection.execute("ALTER TABLE migration ADD COLUMN IF NOT EXISTS sha256 text")
    hashes = {str(name): sha256 for name, sha256 in connection.execute("SELECT name, sha256 FROM migration")}
    done = set(hashes)
    done = {name for name in done if not name.startswith(_VIEWS)}
    known = {entry.name: entry for entry in files(__package__).joinpath("migrations").iterdir()}
    if unknown := sorted(done - known.keys()):
        raise Corrupt(f"the database has migrations of a newer archiver: {', '.join(unknown)}")
    for name in sorted(done & known.keys()):
        if hashes[name] not in (None, _sha256(known[name].read_bytes())):
            raise Corrupt(f"migration {name} is not the one that this database was made with: use a matching archiver")
    missing = sorted(name for name in known.keys() - done if name.endswith(".sql"))
    for name in missing:
        with connection.transaction():
            connection.execute(known[name].read_bytes())
            row = (name, _sha256(known[name].read_bytes()))
            connection.execute("INSERT INTO migration (name, sha256) VALUES (%s, %s)", row)
        _log.info("migrated", migration=name)
    return missing


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _refresh_views(connection: Connection) -> None:
    text = _text("views.sql")
    name = f"{_VIEWS}{_sha256(text)[:16]}"
    if connection.execute("SELECT 1 FROM migration WHERE name = %s", (name,)).fetchone() is None:
        with connection.transaction():
            make_views(connection)
            connection.execute("INSERT INTO migration (name) VALUES (%s)", (name,))


def make_views(connection: Connection) -> None:
    """Make views, functions and grants anew inside the caller's transaction; readers see the old ones until it ends."""
    connection.execute(_text("views.sql"))
    connection.execute(_text("grants.sql"))


def _text(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
