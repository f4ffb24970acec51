"""P1, P3, P16: the archiver from the real Kafka into the real PostgreSQL.

P1 takes rows per second, all tables with their keys and indexes, against a raw COPY of the same decoded rows into bare
tables. P3 stands the archiver against the usual way, the PostgreSQL sink of quixstreams: it is given the rows already
decoded, one message each, and the same tables. P16 is the rate of a long catch-up against that of P1.
"""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from psycopg.conninfo import conninfo_to_dict
from tests.bench._archive import Decoded, bare, copy_bare, database, long_log, postgres_server, produce
from tests.bench._peers import told_by
from tests.bench._servers import fresh, kafka
from tests.bench._timing import in_turns, row

from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.raw import RAW
from twilight.archiver.postgres.values import json_text
from twilight.archiver.reading import key_columns
from twilight.archiver.record import CORE, Entry
from twilight.archiver.sink import Sink
from twilight.archiver.times import timestamp
from twilight.bus import LogReader, Record
from twilight.ops.health import Check

RECORDS = 40_000
CATCH_UP_RECORDS = 1_000_000
BATCH_RECORDS = 5_000
Row = dict[str, Any]


def archive_from_kafka(brokers: str, topic: str, server: str, records: int) -> float:
    """Archive the topic into a fresh database; return the seconds from the first read to the last commit."""
    with database(server) as url:
        sink = Sink(
            CORE,
            url,
            lambda _: LogReader(brokers, topic, start="earliest", group=fresh("group")),
            Check(CORE),
            batch_records_max=BATCH_RECORDS,
            poll_timeout_s=0.05,
        )
        ended = threading.Event()
        thread = threading.Thread(target=sink.run, args=(ended,))
        begun = time.perf_counter()
        thread.start()
        while (sink.position or 0) < records:
            time.sleep(0.005)
        seconds = time.perf_counter() - begun
        ended.set()
        thread.join()
    return seconds


def copied(server: str, decoded: Decoded) -> float:
    """Copy the decoded rows into bare tables; return the seconds."""
    with database(server) as url, connect(url) as connection:
        bare(connection)
        begun = time.perf_counter()
        copy_bare(connection, decoded)
        return time.perf_counter() - begun


def rates(shared: Path, runs: int, peer: Callable[[str, Decoded], float]) -> dict[str, float]:
    """Return the rows per second of both, measured in turns."""
    log = long_log(shared, RECORDS)
    decoded = Decoded(log, BATCH_RECORDS)
    rows = decoded.count()
    with kafka() as brokers, postgres_server() as server:
        topic = fresh("archive")
        produce(brokers, topic, log)
        contests = {
            "ours": lambda: rows / archive_from_kafka(brokers, topic, server, len(log)),
            "peer": lambda: rows / peer(server, decoded),
        }
        return in_turns(contests, runs)


def p1(shared: Path, runs: int) -> Row:
    """Measure against a raw COPY."""
    found = rates(shared, runs, copied)
    return row("P1", "archiver rows/s, Kafka to PostgreSQL, against raw COPY into bare tables", goal=0.26, **found)


class Messages:
    """The rows of a log as messages of a topic, one each: what a sink of single rows takes."""

    def __init__(self, brokers: str, decoded: Decoded) -> None:
        self.brokers = brokers
        self.topic = fresh("rows")
        messages = [_message("event_log", RAW, _raw_values(entry)) for entry in decoded.entries]
        for (name, columns), rows in decoded.rows.items():
            table = name.removeprefix("stage_")
            messages += [_message(table, columns, row) for row in rows]
        self.records, self.count = len(decoded.entries), len(messages)
        produce(brokers, self.topic, messages)

    def sunk(self, server: str) -> float:
        """Let quixstreams put them into the archive's own tables; return the seconds."""
        with database(server) as url:
            parts = conninfo_to_dict(url)
            told = {
                "brokers": self.brokers,
                "topic": self.topic,
                "group": fresh("group"),
                "rows": self.count,
                "batch_rows": BATCH_RECORDS,
                "keys": primary_keys(url),
                "database": {name: parts.get(name, "") for name in ("host", "port", "dbname", "user", "password")},
            }
            seconds = told_by("quixstreams", told)
            with connect(url) as connection:
                found = connection.execute("SELECT count(*) FROM event_log").fetchone()
            assert found == (self.records,), f"the peer stored {found} of {self.records} records"
        return seconds


def primary_keys(url: str) -> dict[str, list[str]]:
    """Return the primary key of each table: the peer, which may read a message twice, writes over what is there."""
    with connect(url) as connection:
        found = connection.execute(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_index i"
            " JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a"
            " ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)"
            " WHERE i.indisprimary AND NOT c.relispartition GROUP BY 1"
        )
        return dict(found.fetchall())


def _raw_values(entry: Entry) -> tuple[Any, ...]:
    agg_id, kind, version, metadata = key_columns(entry)
    hexes = [None if part is None else f"\\x{part.hex()}" for part in (entry.key_raw, entry.payload_raw)]
    event_ts = None if entry.event_ts_ns is None or not entry.has_own_time else timestamp(entry.event_ts_ns)
    stream, partition, offset, _, broker_ts = entry.source
    names = (agg_id, kind, version, None if metadata is None else json_text(metadata))
    sha256 = f"\\x{entry.payload_sha256.hex()}"
    return (stream, partition, offset, hexes[0], *names, hexes[1], sha256, broker_ts, event_ts)


def _message(table: str, columns: Sequence[str], values: Sequence[Any]) -> Record:
    row = {name.strip('"'): value for name, value in zip(columns, values, strict=True)}
    return Record(table, 0, 0, 0, table.encode(), msgspec.json.encode(row))


def p3(shared: Path, runs: int) -> Row:
    """Measure against the PostgreSQL sink of quixstreams, which is told the decoded rows."""
    log = long_log(shared, RECORDS)
    decoded = Decoded(log, BATCH_RECORDS)
    with kafka() as brokers, postgres_server() as server:
        topic, messages = fresh("archive"), Messages(brokers, decoded)
        produce(brokers, topic, log)
        contests = {
            "ours": lambda: decoded.count() / archive_from_kafka(brokers, topic, server, len(log)),
            "peer": lambda: messages.count / messages.sunk(server),
        }
        found = in_turns(contests, min(runs, 3))
    return row("P3", "archiver rows/s against the PostgreSQL sink of quixstreams, same rows", goal=5.0, **found)


def p16(shared: Path, runs: int) -> Row:
    """Measure one catch-up of a million events against the median of steady runs before and after it."""
    log: list[Record] = long_log(shared, CATCH_UP_RECORDS)
    with kafka() as brokers, postgres_server() as server:
        short, long = fresh("steady"), fresh("catch-up")
        produce(brokers, short, log[:RECORDS])
        produce(brokers, long, log)

        def steady() -> list[float]:
            return [RECORDS / archive_from_kafka(brokers, short, server, RECORDS) for _ in range(max(1, runs // 2))]

        before = steady()
        ours = len(log) / archive_from_kafka(brokers, long, server, len(log))
        peer = statistics.median([*before, *steady()])
    return row("P16", "catch-up of 1,000,000 events/s against the steady rate", ours=ours, peer=peer, goal=0.95)


BENCHES = {"P1": p1, "P3": p3, "P16": p16}
