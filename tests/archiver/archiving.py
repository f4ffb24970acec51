"""An archive without Kafka: records go straight into the writer."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from twilight.archiver.pipeline import Pipeline
from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.migrate import migrate
from twilight.archiver.postgres.tables import DERIVED_TABLES
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.record import CORE
from twilight.bus import Record
from twilight.wire.keys import EventKey, encode_key
from twilight.wire.records import read_records

ZONES = ("Asia/Kolkata", "America/New_York")  # of the server (storage specification 11)
BROKER_MS = 1_798_761_600_000  # 2027: after every event of these tests


def database_url(server: str, name: str) -> str:
    """Return the address of a database of the server."""
    return server.rsplit("/", 1)[0] + f"/{name}"


def run_sql(server: str, statement: LiteralString, *names: str) -> None:
    """Run one statement about databases."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def prepare(url: str) -> None:
    """Make the schema and its first partitions."""
    with connect(url) as connection:
        migrate(connection)
        Writer(connection, CORE)._make_partitions(0)


def recorded(path: Path) -> list[Record]:
    """Return the records of a recording."""
    return [Record(r.topic, r.partition, r.offset, r.ts, r.key, r.value) for r in read_records(path)]


def record(offset: int, value: bytes | None, key: bytes | None = b"?", ts_ms: int = BROKER_MS) -> Record:
    """Return a record; by default its key tells its offset, so that no two are duplicates."""
    if key == b"?":
        key = encode_key(EventKey(f"key-{offset}", "Any"))
    return Record("CoreEventLogTopic", 0, offset, ts_ms, key, value)


def price(offset: int, usd: float, time: str) -> Record:
    """Return a tick."""
    return record(offset, f'{{"CurrentPriceUpdate":[{usd},"{time}"]}}'.encode())


class Archive:
    """One database, one writer; `restart` forgets everything that is not in the tables."""

    def __init__(self, url: str, *, timezone: str = "", reads_only: bool = False) -> None:
        self.url = url
        if timezone:
            name = sql.Identifier(url.rsplit("/", 1)[1])
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(sql.SQL("ALTER DATABASE {} SET timezone = {}").format(name, timezone))
        self.connection = self.asking = connect(url)
        if not reads_only:
            self.restart()

    def restart(self) -> None:
        """Open a new writer on the same tables."""
        self.close()
        self.connection, self.asking = connect(self.url), connect(self.url)
        self.writer = Writer(self.connection, CORE, asking=self.asking)
        assert self.writer.try_lock()
        self.reader = self.writer.open()

    def feed(self, records: Sequence[Record], size: int = 1_000) -> None:
        """Write records in batches, the way the sink does: what is refused is isolated."""
        with Pipeline(self.writer, lambda *_: None) as pipeline:
            for start in range(0, len(records), size):
                entries = self.reader.entries(records[start : start + size])
                pipeline.put(entries, self.reader.newest_event_ns)
            pipeline.drain()

    def refuse(self, request_id: str) -> None:
        """Let the database refuse every order of a request, as it would a value that no column can hold."""
        check = sql.SQL("ALTER TABLE order_command ADD CONSTRAINT refused CHECK (request_id <> {})")
        self.connection.execute(check.format(request_id))

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.connection.execute(query.encode(), parameters).fetchall()

    def one(self, query: str, parameters: Sequence[object] = ()) -> Any:
        """Return the one value of a query."""
        ((value,),) = self.rows(query, parameters)
        return value

    def tables(self, names: Iterable[str] = (*DERIVED_TABLES, "event_duplicate")) -> dict[str, list[str]]:
        """Return the rows of every table as texts, sorted."""
        return {name: sorted(text for (text,) in self.rows(f"SELECT t::text FROM {name} t")) for name in names}  # noqa: S608

    def dead(self) -> list[tuple[int, str]]:
        """Return offset and reason of the dead letters."""
        return [(offset, reason) for offset, reason in self.rows('SELECT "offset", reason FROM dead_letter ORDER BY 1')]

    def close(self) -> None:
        """Let the database go; the server notices a moment later."""
        if self.connection.closed:
            return
        self.asking.close()
        if self.connection.closed:
            return
        pid = self.connection.info.backend_pid
        self.connection.close()
        with psycopg.connect(database_url(self.url, "postgres"), autocommit=True) as watching:
            while watching.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).rowcount:
                time.sleep(0.02)
