"""An hour of funding of very many positions as it is seen from outside: `python -m tests.bench._hour`.

The core's own loop, publisher and keeper run against the real Kafka with so many open positions, ticks come every
250 ms, and another process reads what is committed. It tells when each tick could be read, how long the hour took, and
what stood in the loop's way. `--used-up N` lets the hour liquidate so many of them; `TWILIGHT_TEST_SERVERS` names a
Kafka that runs.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

from tests.bench._relay import READY
from tests.bench._servers import fresh, kafka
from tests.bench.core_memory import account, request_id
from tests.bench.core_scale import FEE_PCT, PRICE, founded, position
from tests.core.feeders import SignedFeeder

from twilight.bus import LogReader, Outgoing, TopicSpec, TransactionalProducer, ensure
from twilight.core.clock import Clock
from twilight.core.collector import rest_collector
from twilight.core.cycle import Cycle
from twilight.core.durability import memory
from twilight.core.durability.aside import Forked, Job, Work
from twilight.core.durability.keeper import Keeper
from twilight.core.durability.snapshot import SnapshotFiles
from twilight.core.exchange import Exchange, Topics
from twilight.core.inputs.feed import AcceptedTick, Feed
from twilight.core.loop import Inbox, Loop
from twilight.core.publisher import BackgroundPublisher
from twilight.domain.books.exposure import summed
from twilight.domain.books.snapshot import state_hash
from twilight.domain.books.state import Position
from twilight.domain.engine import Engine
from twilight.domain.model.clock import NS_PER_HOUR, parse_iso
from twilight.domain.model.orders import Side
from twilight.ops.health import Health

TICK_S = 0.25
LEAD_S = 8.0
"""Ticks without an hour, before it and after it."""
LATE_MS = 500
SLEEP_S = 0.02


def crowded(count: int, used_up: int) -> Engine:
    """Return an exchange with so many open positions, some of which the next hour uses up."""
    engine = founded()
    state = engine.state
    for number in range(count):
        order = position(number, Side.SHORT if number % 3 == 0 else Side.LONG)
        order.uuid, order.account_id = f"{number:08x}-0000-4000-8000-{number:012x}", account(number)
        if number and number * used_up // count != (number - 1) * used_up // count:
            order.available_margin_sats = 1.0
        held = Position(order, "", request_id(number), FEE_PCT)
        state.positions[order.uuid] = held
        state.trader_accounts[order.account_id] = order.uuid
        state.ledger(order.side).add(order)
    state.trader_sequence = count
    state.exposure = summed(state)
    return engine


# --- who reads -------------------------------------------------------------------------------------------------------


Seen = tuple[str, float, float]
"""What could be read, when, and when it was decided."""


def read(brokers: str, topic: str) -> None:
    """Print when each tick, the opening and the closing of the hour could be read, until nothing comes any more."""
    found: list[Seen] = []
    threading.Thread(target=_sleep, args=(found,), daemon=True).start()
    with LogReader(brokers, topic, start=0) as reader:
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()
        newest = time.time()
        while time.time() - newest < LEAD_S:
            records = reader.read(10_000, 0.05)
            now = time.time()
            for record in records:
                newest, key, value = now, record.key or b"", record.value or b""
                if value.startswith(b'{"CurrentPriceUpdate":'):
                    decided = parse_iso(json.loads(value)["CurrentPriceUpdate"][1]) / 1e9
                    found.append(("tick", now, decided))
                elif b"charges_all_but" in key:
                    found.append(("opened", now, now))
                elif value.startswith(b'{"FundingRateUpdate":'):
                    found.append(("closed", now, now))
    sys.stdout.write(json.dumps(found))


def _sleep(found: list[Seen]) -> None:
    """Note by how much the machine overslept: so long nobody here could have done anything."""
    before = time.time()
    while True:
        time.sleep(SLEEP_S)
        now = time.time()
        if now - before > 2 * SLEEP_S:
            found.append(("slept", now, before + SLEEP_S))
        before = now


# --- the core --------------------------------------------------------------------------------------------------------


class Nobody:
    """Queues on which nothing stands, and a chain that is never asked."""

    def read(self, _records_max: int) -> list[Any]:
        return []

    def turn(self) -> list[Any]:
        return []


class Watched:
    """How long things took that may stand before a tick."""

    def __init__(self) -> None:
        self._times_s = defaultdict[str, list[float]](list)
        self._collecting_s = 0.0
        gc.callbacks.append(self._collected)

    def take(self, name: str, work: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        given = work()
        self._times_s[name].append(time.perf_counter() - begun)
        return given

    def longest_ms(self) -> dict[str, dict[str, Any]]:
        """Return the median and the longest times of each, and how often each was."""
        return {
            name: {
                "times": len(times),
                "median": round(statistics.median(times) * 1e3, 1),
                "longest": [round(s * 1e3, 1) for s in sorted(times)[:-4:-1]],
            }
            for name, times in self._times_s.items()
        }

    def close(self) -> None:
        """Look no further."""
        gc.callbacks.remove(self._collected)

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_s = time.perf_counter()
        else:
            self._times_s[f"collector, generation {info['generation']}"].append(
                time.perf_counter() - self._collecting_s
            )


class WatchedWriter:
    """Takes the time of each transaction."""

    def __init__(self, writer: TransactionalProducer, watched: Watched) -> None:
        self._writer, self._watched = writer, watched

    def init(self, timeout_s: float | None = None) -> None:
        self._writer.init(timeout_s)

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        offsets: dict[str, int] = self._watched.take("transaction", lambda: self._writer.publish(records))
        return offsets


class Core:
    """A loop as `server` runs it, with nobody but the feed to talk to it."""

    def __init__(self, brokers: str, topic: str, folder: Path, engine: Engine) -> None:
        self.watched, self.engine, self.clock = Watched(), engine, Clock()
        self._ticks: deque[AcceptedTick] = deque()
        self._over = threading.Event()
        writer = TransactionalProducer(brokers, fresh("core"))
        writer.init()
        publisher = BackgroundPublisher(WatchedWriter(writer, self.watched), topic, -1)
        exchange = Exchange(engine, Topics(topic, "failed", "intents"))
        self.files = SnapshotFiles(folder / "snapshot")
        self._cycle, nobody = Cycle(1), cast("Any", Nobody())
        inbox = Inbox(self._ticks, deque())
        self.loop = Loop(exchange, self._cycle, nobody, inbox, publisher, nobody, self.clock, 2_000)
        self.keeper = Keeper(Health(), self.files, "log", LEAD_S / 2, self.clock, self._aside, lambda: 0)

    def run_an_hour(self) -> None:
        """Run for a while, let the hour come, and run on until it is closed and for a while after it."""
        state = self.engine.state
        state.funding_hour = self.clock.wall_ns() // NS_PER_HOUR
        feeding = threading.Thread(target=self._feed, daemon=True)
        feeding.start()
        self._run_for(LEAD_S)
        state.funding_hour = self.clock.wall_ns() // NS_PER_HOUR - 1
        while state.open_hour is not None or state.funding_hour < self.clock.wall_ns() // NS_PER_HOUR:
            self._turn()
        self._run_for(LEAD_S)
        self._over.set()
        feeding.join()
        self.loop.settle()
        self.watched.close()

    def _run_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._turn()

    def _turn(self) -> None:
        """Do what `server` does in a turn, but for the figures that it shows to an operator."""
        if not self.watched.take("turn of the loop", self.loop.turn):
            self.loop.idle()
        if self.keeper.due():
            self.watched.take("look of the keeper", self.keeper._finish)
            self.keeper._next_look_s = self.clock.mono_s() + 1.0
            if self.keeper.wants_a_copy(self.loop.offset):
                self.watched.take("wait before the fork", self.loop.settle)
                self.keeper.take_a_copy(self.engine.state, self.loop.offset)

    def _aside(self, work: Work) -> Job:
        job: Job = self.watched.take("fork", lambda: Forked(work))
        return job

    def _feed(self) -> None:
        feeder, number = SignedFeeder(), 0
        feed = Feed([[feeder.public_key]], started_ms=self.clock.mono_ms())
        begun = time.monotonic()
        while not self._over.wait(max(0.0, begun + number * TICK_S - time.monotonic())):
            number += 1
            frame = feeder.frame(self.clock.wall_ms(), PRICE + number % 7)
            accepted = feed.offer(0, frame, self.clock.wall_ms(), self.clock.mono_ms())
            assert isinstance(accepted, AcceptedTick), accepted
            self._ticks.append(accepted)


def seen(found: list[Seen]) -> dict[str, Any]:
    """Return what the reader saw."""
    ticks = [(at, decided) for kind, at, decided in found if kind == "tick"]
    (opened,) = [at for kind, at, _ in found if kind == "opened"]
    closed = max(at for kind, at, _ in found if kind == "closed")
    waits_ms = [(at - decided) * 1e3 for at, decided in ticks if opened - 1 <= decided <= closed]
    gaps_ms = [(after[0] - before[0]) * 1e3 for before, after in pairwise(ticks)]
    within = [gap for gap, (at, _) in zip(gaps_ms, ticks[1:], strict=True) if opened - 1 <= at <= closed + 1]
    overslept_ms = [(at - due) * 1e3 for kind, at, due in found if kind == "slept" and opened <= at <= closed]
    return {
        "opening to FundingRateUpdate, s": round(closed - opened, 2),
        "ticks in the hour": len(waits_ms),
        "longest time between two committed ticks, ms": round(max(within)),
        "from a tick's arrival until it could be read, ms": {
            "median": round(statistics.median(waits_ms)),
            "p99": round(statistics.quantiles(waits_ms, n=100)[98]) if len(waits_ms) > 1 else None,
            "longest": round(max(waits_ms)),
        },
        "the latest, s after the opening: ms": sorted(
            ((round(decided - opened, 2), round((at - decided) * 1e3)) for at, decided in ticks), key=itemgetter(1)
        )[:-9:-1],
        "the machine overslept by, ms": round(max(overslept_ms, default=0.0)),
        f"ticks more than {LATE_MS} ms after the one before": sum(gap > LATE_MS for gap in within),
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what the work gives, and its seconds of processor time."""
    begun = time.process_time()
    return work(), time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--positions", type=int, default=1_000_000)
    parser.add_argument("--used-up", type=int, default=0)
    parser.add_argument("--read", nargs=2, metavar=("BROKERS", "TOPIC"), help="only read (the other process)")
    asked = parser.parse_args()
    if asked.read:
        read(*asked.read)
        return
    with kafka() as brokers, tempfile.TemporaryDirectory() as folder:
        topic = fresh("hour")
        ensure(brokers, [TopicSpec(topic)])
        engine = crowded(asked.positions, asked.used_up)
        rest_collector()
        core = Core(brokers, topic, Path(folder), engine)
        command = [sys.executable, "-m", "tests.bench._hour", "--read", brokers, topic]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout is not None
            assert reader.stdout.readline().strip() == READY
            begun = time.process_time()
            core.run_an_hour()
            processor_s = time.process_time() - begun
            found = seen(json.loads(reader.communicate()[0]))
        _, hash_s = timed(lambda: state_hash(core.engine.state))
        body, dump_s = timed(lambda: memory.dump(core.engine.state, "log", 0, 0, 0))
        _, save_s = timed(lambda: core.files.save(body))
        _, load_s = timed(lambda: memory.load(next(core.files.candidates())[1], "log"))  # type: ignore[arg-type]
        found |= {
            "positions": asked.positions,
            "load": os.getloadavg()[0],
            "processor, s": round(processor_s, 1),
            "ticks that came too late to be taken": core._cycle.late_ticks,
            **{f"{name}, ms": figures for name, figures in core.watched.longest_ms().items()},
            "state hash, processor s": round(hash_s, 1),
            "snapshot, processor s": {"dump": round(dump_s, 1), "save": round(save_s, 1), "load": round(load_s, 1)},
            "snapshot, MB": round(core.files.path.stat().st_size / 2**20),
            "snapshot in memory, MB": round(len(body) / 2**20),
        }
    sys.stdout.write("".join(f"{name}: {json.dumps(figure)}\n" for name, figure in found.items()))


if __name__ == "__main__":
    main()
