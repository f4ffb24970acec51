"""The tables of schema ``auth``: numbered migrations, forward only, each once, by one process at a time."""

from importlib.resources import files
from typing import Any

import psycopg

from twilight.ops import logs
from twilight.ops.errors import Corrupt

LOCK = 0x74776C61  # any number that only these migrations use

_log = logs.get(__name__)


async def migrate(connection: psycopg.AsyncConnection[Any]) -> None:
    """Bring the schema up to date, all of it or nothing.

    Raises:
        Corrupt: the schema was made by a newer program.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        await connection.execute("create schema if not exists auth")
        await connection.execute(
            "create table if not exists auth.migration (name text primary key, run_at timestamptz default now())"
        )
        cursor = await connection.execute("select name from auth.migration")
        done = {str(row[0]) for row in await cursor.fetchall()}
        folder = files(__package__) / "migrations"
        known = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".sql")}
        if unknown := sorted(done - known.keys()):
            raise Corrupt(f"schema auth has migrations of a newer program: {', '.join(unknown)}")
        for name in sorted(known.keys() - done):
            await connection.execute(known[name].read_bytes(), prepare=False)
            await connection.execute("insert into auth.migration (name) values (%s)", (name,))
            _log.info("migrated", schema="auth", migration=name)
