"""P1, P3, P16: the archiver from the real Kafka into the real PostgreSQL.

P1 takes rows per second, all tables with their keys and indexes, against a raw COPY of the same decoded rows into bare
tables. P3 stands the archiver against the usual way, an application of quixstreams with its PostgreSQL sink: from the
same topic into the same tables; beside it, what that sink alone does with rows told ready-made. P16 is the rate of a
long catch-up against that of P1.
"""

import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict
from tests.bench._archive import Decoded, bare, copy_bare, database, long_log, postgres_server, produce
from tests.bench._peers import told_by
from tests.bench._projecting import Projecting, message, named, raw_values
from tests.bench._servers import fresh, kafka
from tests.bench._timing import in_turns, row

from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.raw import RAW
from twilight.archiver.postgres.tables import EVENT_TABLES
from twilight.archiver.record import CORE
from twilight.archiver.sink import Sink
from twilight.bus import LogReader, Record
from twilight.ops.health import Check

RECORDS = 40_000
P3_RECORDS = 20_000
CATCH_UP_RECORDS = 1_000_000
BATCH_RECORDS = 5_000
EVENT_NAMES = frozenset(table.name for table in EVENT_TABLES)
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


class Quixstreams:
    """The PostgreSQL sink of quixstreams on the archive's own tables, as its users run it."""

    def __init__(self, brokers: str, server: str, decoded: Decoded) -> None:
        self._brokers = brokers
        self._server = server
        self._decoded = decoded

    def from_events(self, topic: str, log: Sequence[Record]) -> float:
        """Let an application read the events, make their rows and sink them; return the seconds."""
        projecting = Projecting()
        rows = sum(len(projecting.rows(record.key, record.value, record.timestamp_ms)) for record in log)
        return self._sink(topic, rows, events=True)

    def from_rows(self, topic: str) -> float:
        """Let it sink rows that are ready-made, a message each; return the seconds."""
        return self._sink(topic, self._decoded.count(), events=False)

    def rows_topic(self) -> str:
        """Return a topic that holds every row ready-made, states as the archiver's batches merge them."""
        rows = [named("event_log", RAW, raw_values(entry)) for entry in self._decoded.entries]
        for (name, columns), values in self._decoded.rows.items():
            rows += [named(name, columns, row) for row in values]
        topic = fresh("rows")
        produce(self._brokers, topic, [Record(topic, 0, 0, 0, *message(row)) for row in rows])
        return topic

    def _sink(self, topic: str, rows: int, *, events: bool) -> float:
        with database(self._server) as url:
            parts = conninfo_to_dict(url)
            told = {
                "brokers": self._brokers,
                "topic": topic,
                "events": events,
                "paths": [path for path in sys.path if path],
                "group": fresh("group"),
                "rows": rows,
                "batch_rows": BATCH_RECORDS,
                "keys": primary_keys(url),
                "database": {name: parts.get(name, "") for name in ("host", "port", "dbname", "user", "password")},
            }
            seconds = told_by("quixstreams", told)
            self._demand_all(url)
        return seconds

    def _demand_all(self, url: str) -> None:
        """Demand that it has left the rows of every event: as many as were decoded."""
        expected = {"event_log": len(self._decoded.entries)}
        for (name, _), rows in self._decoded.rows.items():
            if name in EVENT_NAMES:
                expected[name] = len(rows)
        with connect(url) as connection:
            for name, count in expected.items():
                found = connection.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - our own names
                assert found == (count,), f"the peer stored {found} rows of {name}, expected {count}"


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


def p3(shared: Path, runs: int) -> Row:
    """Measure against the PostgreSQL sink of quixstreams: both read the events and leave the same rows.

    Rows are those that stand in the tables afterwards. `told_rows` is what the sink does of them in a second when they
    are told it ready-made, decoded and merged batch by batch: its own work alone, and none of the rest.
    """
    log = long_log(shared, P3_RECORDS)
    decoded = Decoded(log, BATCH_RECORDS)
    rows = decoded.count()
    with kafka() as brokers, postgres_server() as server:
        quixstreams, topic = Quixstreams(brokers, server, decoded), fresh("archive")
        produce(brokers, topic, log)
        ready_made = quixstreams.rows_topic()
        contests = {
            "ours": lambda: rows / archive_from_kafka(brokers, topic, server, len(log)),
            "peer": lambda: rows / quixstreams.from_events(topic, log),
            "told_rows": lambda: rows / quixstreams.from_rows(ready_made),
        }
        found = in_turns(contests, min(runs, 3))
    more = {"told_rows": round(found["told_rows"]), "told_rows_ratio": round(found["ours"] / found.pop("told_rows"), 3)}
    metric = "archiver rows/s against quixstreams and its PostgreSQL sink: the same events in, the same rows out"
    return row("P3", metric, goal=5.0, **found, **more)


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
