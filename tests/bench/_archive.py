"""The work of the archiver's benches: a log of any length from the recorded one, fresh databases, bare tables."""

import json
import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from tests.archiver.expected import Expected

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.connection import Connection, connect
from twilight.archiver.postgres.copying import copy_rows
from twilight.archiver.postgres.merging import state_rows
from twilight.archiver.postgres.migrate import migrate
from twilight.archiver.postgres.raw import raw_copy
from twilight.archiver.postgres.tables import Row
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE, Entry
from twilight.bus import Producer, Record, TopicSpec, ensure
from twilight.local.servers import Postgres, free_ports
from twilight.wire.records import read_records

LOG = Path("data") / "reference-log" / "CoreEventLogTopic.jsonl.gz"
DAY = date(2026, 11, 25)
_UUID = re.compile(rb"\b[0-9a-f]{8}(?=-[0-9a-f]{4}-4[0-9a-f]{3}-)")


def long_log(shared: Path, records: int) -> list[Record]:
    """Return so many records: the recorded log again and again, each time with other orders, on the next day.

    The last of these days is the recorded one, so that no event is ahead of its record's time.
    """
    found = [(r.ts, r.key, r.value) for r in read_records(shared / LOG)]
    log: list[Record] = []
    turns = -(-records // len(found))
    for turn in range(turns):
        day = DAY - timedelta(days=turns - 1 - turn)
        for ts, key, value in found:
            log.append(Record(CORE, 0, len(log), ts, _turned(key, turn, day), _turned(value, turn, day)))
    return log[:records]


def _turned(part: bytes | None, turn: int, day: date) -> bytes | None:
    """Return the bytes with the turn's own order ids and day."""
    if part is None:
        return part
    part = part.replace(b"%sT" % str(DAY).encode(), b"%sT" % str(day).encode())
    return _UUID.sub(lambda found: b"%08x" % (int(found[0], 16) ^ turn), part)


def produce(brokers: str, topic: str, log: Sequence[Record]) -> None:
    """Put the log on a topic."""
    ensure(brokers, [TopicSpec(topic)])
    producer = Producer(brokers, linger_ms=20)
    for start in range(0, len(log), 20_000):
        for record in log[start : start + 20_000]:
            producer.send(topic, record.key, record.value or b"")
        producer.flush(60)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Give the address of a PostgreSQL: one that runs, else one of its own."""
    offered = os.environ.get("TWILIGHT_TEST_SERVERS")
    if offered:
        yield json.loads(Path(offered).read_text())["postgres"]
        return
    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(Path(folder), *free_ports(1))
        server.start()
        try:
            yield server.url()
        finally:
            server.stop()


@contextmanager
def database(server: str) -> Iterator[str]:
    """Give the address of a fresh archive."""
    name = f"bench_{uuid.uuid4().hex[:12]}"
    url = server.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        with connect(url) as connection:
            migrate(connection)
            Writer(connection, CORE)._make_partitions(0)
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class Decoded:
    """Every row that a log makes, decoded beforehand: what the peer copies."""

    def __init__(self, log: Sequence[Record], batch_records: int) -> None:
        reader, fold = Reader(CORE, Duplicates()), Expected()
        self.entries: list[Entry] = []
        self.rows: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
        for start in range(0, len(log), batch_records):
            entries = reader.entries(log[start : start + batch_records])
            self.entries += entries
            batch = fold.take(entries)
            for table, rows in batch.rows.items():
                self.rows.setdefault((table.name, table.columns), []).extend(rows)
            for state in tables.STATE_TABLES:
                rows = list(state_rows(batch, state).values())
                if rows:
                    self.rows.setdefault((state.name, state.columns), []).extend(rows)

    def count(self) -> int:
        """Return how many rows there are, the raw log's included."""
        return len(self.entries) + sum(map(len, self.rows.values()))


def bare(connection: Connection) -> None:
    """Make tables of the same columns without keys, indexes or constraints, in a schema of their own."""
    names = ("event_log", *tables.DERIVED_TABLES)
    connection.execute("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare")
    for name in names:
        connection.execute(f"CREATE TABLE bare.{name} AS SELECT * FROM public.{name} WITH NO DATA")  # noqa: S608
    connection.execute("SET search_path = bare")


def copy_bare(connection: Connection, decoded: Decoded) -> None:
    """COPY every row, each table in one go, all in one transaction."""
    with connection.transaction():
        raw_copy(decoded.entries).run(connection)
        for (name, columns), rows in decoded.rows.items():
            copy_rows(connection, name, columns, rows)
