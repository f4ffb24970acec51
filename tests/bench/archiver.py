"""P1, P3, P16: the archiver from the real Kafka into the real PostgreSQL.

P1 takes rows per second, all tables with their keys and indexes, against a raw COPY of the same decoded rows into bare
tables. P3 stands the archiver against the usual way: a consumer that inserts each message's rows in batches through
`executemany` with ON CONFLICT, as the PostgreSQL sink of quixstreams does. P16 is the rate of a long catch-up against
that of P1.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench._archive import Decoded, bare, copy_bare, database, long_log, postgres_server, produce
from tests.bench._servers import fresh, kafka
from tests.bench._timing import in_turns, row

from twilight.archiver.postgres.connection import connect
from twilight.archiver.record import CORE
from twilight.archiver.sink import Sink
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
    return row("P1", "archiver rows/s, Kafka to PostgreSQL, against raw COPY into bare tables", goal=0.20, **found)


def inserted(server: str, decoded: Decoded) -> float:
    """Insert the decoded rows as that sink does: per batch and table one `executemany`; return the seconds."""
    with database(server) as url, connect(url) as connection:
        begun = time.perf_counter()
        for (name, columns), rows in decoded.rows.items():
            _insert(connection, name, columns, rows)
        return time.perf_counter() - begun


def _insert(connection: Any, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own names
    with connection.cursor() as cursor:
        for start in range(0, len(rows), BATCH_RECORDS):
            with connection.transaction():
                cursor.executemany(statement, rows[start : start + BATCH_RECORDS])


def p3(shared: Path, runs: int) -> Row:
    """Measure against batches of INSERT."""
    found = rates(shared, runs, inserted)
    return row("P3", "archiver rows/s against INSERT in batches (as the quixstreams sink)", goal=5.0, **found)


def p16(shared: Path, runs: int) -> Row:
    """Measure a catch-up of a million events against the steady rate."""
    log: list[Record] = long_log(shared, CATCH_UP_RECORDS)
    with kafka() as brokers, postgres_server() as server:
        short, long = fresh("steady"), fresh("catch-up")
        produce(brokers, short, log[:RECORDS])
        produce(brokers, long, log)
        contests = {
            "ours": lambda: len(log) / archive_from_kafka(brokers, long, server, len(log)),
            "peer": lambda: RECORDS / archive_from_kafka(brokers, short, server, RECORDS),
        }
        found = in_turns(contests, max(1, runs // 5))
    return row("P16", "catch-up of 1,000,000 events/s against the steady rate", goal=0.95, **found)


BENCHES = {"P1": p1, "P3": p3, "P16": p16}
