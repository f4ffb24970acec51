"""How long a record takes from its append to its visibility in PostgreSQL, the archiver live at a steady load.

The archiver is a process of its own with its default settings. A record's append is the broker's own time; it is
visible when another session sees the stream's position beyond it. `ours` is the 99th percentile in ms, `peer` the limit
of the issue.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.archiver.serving import Service, wait_until
from tests.bench._archive import database, long_log, postgres_server
from tests.bench._servers import fresh, kafka

from twilight.archiver.postgres.connection import Connection, connect
from twilight.archiver.record import CORE
from twilight.archiver.upkeep.stored import next_offset
from twilight.bus import LogReader, Producer, Record, TopicSpec, ensure

EVENTS_PER_S = 200
SECONDS = 20
LIMIT_MS = 250
POLL_S = 0.002
WITHIN_S = 120


@contextmanager
def archiver(brokers: str, url: str, topic: str) -> Iterator[Service]:
    """Run an archiver with its default settings."""
    names = ("RPC_CLIENT_REQUEST", "RPC_CLIENT_FAILED_REQUEST", "RELAYER_STATE_QUEUE")
    environment = {"BROKER": brokers, "DATABASE_URL": url, "CORE_EVENT_LOG": topic}
    environment |= {name: fresh(name) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        service = Service(environment, Path(folder) / "log")
        try:
            wait_until(lambda: service.ready().get("status") == "ok", WITHIN_S, "readiness")
            yield service
        finally:
            service.stop()


def send_steadily(brokers: str, topic: str, log: list[Record]) -> None:
    """Append the log at the load."""
    producer = Producer(brokers, linger_ms=0)
    begun = time.monotonic()
    for number, record in enumerate(log):
        time.sleep(max(0.0, begun + number / EVENTS_PER_S - time.monotonic()))
        producer.send(topic, record.key, record.value or b"")
        producer.poll()
    producer.flush(30)


def seen(connection: Connection, records: int) -> list[tuple[int, float]]:
    """Return each position that a session saw, and when, until all records are stored."""
    steps: list[tuple[int, float]] = []
    deadline = time.monotonic() + WITHIN_S
    position = 0
    while position < records and time.monotonic() < deadline:
        found = next_offset(connection, CORE)
        if found != position:
            steps.append((found, time.time() * 1_000))
            position = found
        time.sleep(POLL_S)
    return steps


def latencies_ms(brokers: str, topic: str, steps: list[tuple[int, float]]) -> list[float]:
    """Return for each record the time from the broker's append to the first position beyond it."""
    found: list[float] = []
    with LogReader(brokers, topic, start="earliest") as log:
        for position, at_ms in steps:
            while len(found) < position:
                found += [at_ms - record.timestamp_ms for record in log.read(position - len(found), 1)]
    return found


def latency(shared: Path, runs: int) -> dict[str, Any]:
    """Measure at the steady load."""
    del runs  # one long run: a percentile needs many records, not many runs
    log, topic = long_log(shared, EVENTS_PER_S * SECONDS), fresh("live")
    with kafka() as brokers, postgres_server() as server, database(server) as url:
        ensure(brokers, [TopicSpec(topic)])
        with archiver(brokers, url, topic), connect(url) as connection:
            sending = threading.Thread(target=send_steadily, args=(brokers, topic, log))
            sending.start()
            steps = seen(connection, len(log))
            sending.join()
        found = latencies_ms(brokers, topic, steps)
    percentiles = statistics.quantiles(found, n=100)
    p99 = round(percentiles[98], 1)
    return {
        "id": "P1-live",
        "metric": f"ms from append to visible in PostgreSQL, p99 of {len(found)} events at {EVENTS_PER_S}/s",
        "ours": p99,
        "peer": LIMIT_MS,
        "ratio": round(LIMIT_MS / p99, 3),
        "goal": 1.0,
        "met": p99 <= LIMIT_MS,
        "p50_ms": round(percentiles[49], 1),
    }


BENCHES = {"P1-live": latency}
