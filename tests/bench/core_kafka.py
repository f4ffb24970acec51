"""P4 and P6: the core process on the real Kafka, against a bare relay with the same batch rule and the same bytes.

P4 sends a burst of market opens and closes and takes the time from the first command's append to the last event's, by
the broker's clock. P6 sends commands at a steady pace and takes, for each, the time from its append to its answer's.
"""

import json
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench._relay import READY
from tests.bench._servers import fresh, kafka
from tests.bench._timing import in_turns, row
from tests.bench.core_memory import account, request_id
from tests.core.processes import TOKEN, TickServer, running, until
from tests.core.traffic import create, execute, whole_log

from twilight.bus import LogReader, Producer, Record, TopicSpec, ensure

OPENS = 4_000
COMMANDS = 8_000
WARM_UP_ROUNDS = 3
"""So long a broker that has just started is busy compiling itself."""
PACE_PER_S = 200
PACED = 1_000
BATCH_MAX = 2_000
LOOK_EVERY_S = 0.2
TAIL = 50
"""So many records at the end of the log are looked at; a command has fewer."""
MARGIN_SATS = 100.0


def opens(first: int, count: int) -> list[bytes]:
    """Return market opens, longs and shorts in turns."""
    sides = ("LONG", "SHORT")
    return [
        create(account(n), request_id(n), position_type=sides[n % 2], initial_margin=MARGIN_SATS)
        for n in range(first, first + count)
    ]


class Bench:
    """A core that serves, and what it wrote."""

    def __init__(self, brokers: str, folder: Path) -> None:
        self.brokers = brokers
        self.folder = folder
        self.source, self.log = fresh("requests"), fresh("events")
        ensure(brokers, [TopicSpec(self.source), TopicSpec(self.log)])

    @contextmanager
    def core(self) -> Iterator[None]:
        """Run a core that takes commands at once."""
        ticks = TickServer()
        environment = {
            "BROKER": self.brokers,
            "RPC_CLIENT_REQUEST": self.source,
            "RPC_CLIENT_FAILED_REQUEST": fresh("failed"),
            "CORE_EVENT_LOG": self.log,
            "CORE_LEADER_TOPIC": fresh("leader"),
            "CORE_TRANSACTIONAL_ID": fresh("core"),
            "PRICE_FEEDS": ticks.url,
            "PRICE_FEED_KEYS": ticks.key,
            "INTAKE": "immediate",
            "PAYLOAD": "lenient",
            "BATCH_COMMANDS_MAX": str(BATCH_MAX),
            "RISK_MAX_OI_MULT": "1000000",
            "RISK_MAX_NET_MULT": "1000000",
            "DATA_DIR": str(self.folder / self.log),
            "OPS_ADDR": "127.0.0.1:0",
            "RELAYER_SERVER_SOCKETADDR": "127.0.0.1:0",
            "RELAYER_SERVER_TOKEN": TOKEN,
        }
        try:
            with running(environment, self.folder / f"{self.log}.log") as core:
                core.until_serving(60)
                until(lambda: core.readiness()["checks"]["feed"] == "ok", "there is a price", 30)
                yield
        finally:
            ticks.close()

    def send(self, values: list[bytes], topic: str) -> None:
        """Send commands in one burst and wait for their acknowledgement."""
        producer = Producer(self.brokers)
        for value in values:
            producer.send(topic, b"key", value)
        producer.flush(60)

    def send_at_a_pace(self, values: list[bytes], topic: str, per_s: float) -> None:
        """Send commands one after the other.

        The pace begins when the first is acknowledged: until then the producer connects, and whatever it was given
        meanwhile would arrive as a burst.
        """
        producer = Producer(self.brokers)
        producer.send(topic, b"key", values[0])
        producer.flush(60)
        begun = time.perf_counter()
        for number, value in enumerate(values[1:], 1):
            time.sleep(max(0.0, begun + number / per_s - time.perf_counter()))
            producer.send(topic, b"key", value)
        producer.flush(60)

    def answered(self, last: int) -> list[Record]:
        """Return the log as soon as it tells of the command at this place of the queue, which is the last.

        Until then only its end is looked at, and rarely: who reads along takes the machine from what is measured.
        """
        until(lambda: self._newest() >= last, f"the command at {last} is answered", 120)
        return whole_log(self.brokers, self.log)

    def _newest(self) -> int:
        """Return the place of the newest command that the log tells of, -1 without one."""
        time.sleep(LOOK_EVERY_S)
        with LogReader(self.brokers, self.log, start="latest") as reader:
            reader.seek(max(0, reader.end_offset() - TAIL))
            return max(map(place, reader.read(TAIL, LOOK_EVERY_S)), default=-1)


def place(record: Record) -> int:
    """Return where the command that caused the record stood on the queue, -1 where none did."""
    metadata = json.loads(record.key or b"{}").get("metadata") or {}
    return int(metadata.get("offset", -1))


def is_answer(record: Record) -> bool:
    """Return whether the record answers a command."""
    return (record.value or b"").startswith(b'{"TxHash":')


def closes(log: list[Record], first: int) -> list[bytes]:
    """Return closes of all orders that the log opened."""
    orders = [
        json.loads(r.value or b"")["TraderOrder"][0] for r in log if (r.value or b"").startswith(b'{"TraderOrder":')
    ]
    return [execute(o["account_id"], o["uuid"], request_id(first + n)) for n, o in enumerate(orders)]


def by_command(log: list[Record], first_offset: int) -> list[list[tuple[bytes, bytes]]]:
    """Return the records of each command, in the order of the commands."""
    found: dict[int, list[tuple[bytes, bytes]]] = {}
    for record in log:
        if (at := place(record)) >= first_offset:
            found.setdefault(at, []).append((record.key or b"", record.value or b""))
    return [found[offset] for offset in sorted(found)]


class Contest:
    """One core run first tells the bytes; then core and relay take turns on fresh topics."""

    def __init__(self, brokers: str, folder: Path) -> None:
        self._brokers = brokers
        self._folder = folder
        self._recorded: Path | None = None
        self._burst: list[bytes] = []

    def core_rate(self) -> float:
        """Return the commands/s of the core in a burst."""
        bench = Bench(self._brokers, self._folder)
        with bench.core():
            bench.send(opens(0, OPENS), bench.source)
            opened = bench.answered(OPENS - 1)
            burst = opens(OPENS, COMMANDS // 2) + closes(opened, 2 * OPENS)[: COMMANDS // 2]
            random.Random(4).shuffle(burst)
            bench.send(burst, bench.source)
            log = bench.answered(OPENS + len(burst) - 1)
        self._keep(by_command(log, OPENS), burst)
        return self._rate(bench.source, log, OPENS, len(burst))

    def relay_rate(self) -> float:
        """Return the commands/s of the relay with the same bytes."""
        bench = Bench(self._brokers, self._folder)
        with relay(bench, self._recorded):
            bench.send(self._burst, bench.source)
            log = bench.answered(OPENS + len(self._burst) - 1)  # the bytes are those of the core's run
        return self._rate(bench.source, log, 0, len(self._burst))

    def _keep(self, records: list[list[tuple[bytes, bytes]]], burst: list[bytes]) -> None:
        self._recorded, self._burst = self._folder / "recorded", burst
        self._recorded.write_bytes(pickle.dumps(records))

    def _rate(self, source: str, log: list[Record], first: int, count: int) -> float:
        begun = whole_log(self._brokers, source)[first].timestamp_ms
        ended = max(r.timestamp_ms for r in log if b'"offset":' in (r.key or b""))
        return count / max(0.001, (ended - begun) / 1_000)


@contextmanager
def relay(bench: Bench, recorded: Path | None) -> Iterator[None]:
    """Run the relay as a process."""
    arguments = [bench.brokers, bench.source, bench.log, str(BATCH_MAX), str(recorded)]
    command = [sys.executable, "-m", "tests.bench._relay", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == READY
        try:
            yield
        finally:
            process.kill()


def p4(_shared: Path, runs: int) -> dict[str, Any]:
    """Return the row of P4."""
    with kafka() as brokers, tempfile.TemporaryDirectory() as folder:
        contest = Contest(brokers, Path(folder))
        for _ in range(WARM_UP_ROUNDS):
            contest.core_rate()
            contest.relay_rate()
        medians = in_turns({"ours": contest.core_rate, "peer": contest.relay_rate}, runs)
    metric = "commands/s through Kafka, against a bare relay of the same bytes in the same batches"
    return row("P4", metric, ours=medians["ours"], peer=medians["peer"], goal=0.45)


def latencies_ms(brokers: str, source: str, log: list[Record]) -> list[int]:
    """Return for each command the time from its append to its answer's."""
    sent = {record.offset: record.timestamp_ms for record in whole_log(brokers, source)}
    return [record.timestamp_ms - sent[place(record)] for record in log if is_answer(record)]


def p99(values: list[int]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


def p6(_shared: Path, runs: int) -> dict[str, Any]:
    """Return the row of P6: a ratio of times, so less is better."""
    with kafka() as brokers, tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder) / "recorded"

        def core() -> float:
            bench = Bench(brokers, Path(folder))
            with bench.core():
                bench.send_at_a_pace(opens(0, PACED), bench.source, PACE_PER_S)
                log = bench.answered(PACED - 1)
            recorded.write_bytes(pickle.dumps(by_command(log, 0)))
            return p99(latencies_ms(brokers, bench.source, log))

        def bare() -> float:
            bench = Bench(brokers, Path(folder))
            with relay(bench, recorded):
                bench.send_at_a_pace(opens(0, PACED), bench.source, PACE_PER_S)
                log = bench.answered(PACED - 1)
            return p99(latencies_ms(brokers, bench.source, log))

        core()  # the broker compiles itself
        bare()
        medians = in_turns({"ours": core, "peer": bare}, runs)
    ratio = medians["ours"] / medians["peer"]
    metric = (
        f"ms from command to answer, p99 at {PACE_PER_S}/s, INTAKE=immediate, against a bare relay (less is better)"
    )
    figures = {"ours": medians["ours"], "peer": medians["peer"], "ratio": round(ratio, 3)}
    return {"id": "P6", "metric": metric, **figures, "goal": 1.5, "met": ratio <= 1.5}


BENCHES = {"P4": p4, "P6": p6}
