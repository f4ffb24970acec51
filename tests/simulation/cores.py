"""Two machines with a core each, and whoever starts a core again when it has ended."""

import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tests.core.direct_publisher import DirectPublisher
from tests.simulation.chain import attaching
from tests.simulation.cluster import Cluster, Fate
from tests.simulation.connections import Odds, SimKafka
from tests.simulation.disk import Disk, FailingFiles
from tests.simulation.election import Election
from tests.simulation.machine import Killed, Machine, Process, SimChange, StopWish
from tests.simulation.virtual_time import VirtualTime

from twilight.bus import Aborted, Fenced
from twilight.core.clock import Clock
from twilight.core.ids import Uuids
from twilight.core.inputs.feed import AcceptedTick, Feed, Refusal
from twilight.core.loop import Inbox
from twilight.core.ports import World, Writer
from twilight.core.publisher import BackgroundPublisher, Publisher, Threads
from twilight.core.server import Core, Surroundings
from twilight.core.settings import CoreSettings
from twilight.domain.books.state import State
from twilight.ops.errors import Unavailable
from twilight.ops.health import Health

RESTART_S = (0.1, 2.0)
LOOKS_MAX = 50
EXPECTED_ENDS = (Fenced, Aborted, Unavailable)

Shown = tuple[str, int]
"""A state hash and the offset at which it holds."""


class Extra(dict[str, object]):
    """What `/readyz` shows beside the checks; every state hash that was ever shown is kept."""

    def __init__(self, shown: list[Shown]) -> None:
        super().__init__()
        self._shown = shown

    def update(self, *args: Any, **more: Any) -> None:
        super().update(*args, **more)
        if "state_hash" in more:
            self._shown.append((more["state_hash"], more["state_hash_offset"]))


@dataclass
class Records:
    """What the cores let anybody see, for the check at the end of a run."""

    shown: list[Shown] = field(default_factory=list)
    snapshots: list[bytes] = field(default_factory=list)
    accepted_ns: dict[tuple[str, str], int] = field(default_factory=dict)
    """When a tick was accepted, by the name of the core and the text that was signed."""
    ends: list[str] = field(default_factory=list)


@dataclass
class Life:
    """A core that runs."""

    process: Process
    core: Core
    stop: StopWish
    around: Surroundings
    is_buried: bool = False


@dataclass
class CoreHost:
    """One machine; after `start` there is always a core on it, but for the moments before a restart."""

    name: str
    time: VirtualTime
    random: Random
    settings: CoreSettings
    folder: Path
    clusters: Mapping[str, Cluster]
    election: Election
    odds: Odds
    records: Records
    on_fault: Callable[[str], None]
    writes_beside: bool
    """Whether the log is written beside the loop, as a process does it."""
    before_start: Callable[["CoreHost"], None] = lambda _host: None
    life: Life | None = None
    is_down: bool = False
    machine: Machine = field(init=False)
    disk: Disk = field(init=False)

    def __post_init__(self) -> None:
        self.machine = Machine(self.time, self.random)
        self.disk = Disk(self.random)

    @property
    def process(self) -> Process | None:
        return self.life.process if self.life is not None and self.life.process.alive else None

    @property
    def role(self) -> object:
        """What the core says of itself; None while there is none."""
        return self.life.around.health.extra.get("role") if self.life and self.life.process.alive else None

    @property
    def leads(self) -> bool:
        return self.role == "leader"

    @property
    def state(self) -> State:
        assert self.life is not None
        return self.life.core._engine.state

    def start(self) -> None:
        """Start a core."""
        if self.is_down:
            return
        self.before_start(self)
        process = Process(self.time, self.random, self.name)
        stop = StopWish(process)
        around = self._surroundings(process, stop)
        self.life = life = Life(process, Core(around), stop, around)
        process.on_death = lambda: self._bury(life)
        self.time.spawn(lambda: self._live(life))

    def hear(self, frame: str) -> None:
        """Take a frame of the feeder, as the thread of the websockets does."""
        if self.life is None or not self.life.process.alive or self.life.process.is_stopped:
            return
        around = self.life.around
        outcome = around.feed.offer(0, frame, around.clock.true_wall_ms(), around.clock.mono_ms())
        if not isinstance(outcome, Refusal):
            self.records.accepted_ns[self.name, outcome.text] = self.time.now_ns
            around.inbox.ticks.append(outcome)

    def _live(self, life: Life) -> None:
        try:
            life.core.run()
            self.records.ends.append("asked")
        except Killed:
            self.records.ends.append("killed")
        except EXPECTED_ENDS as end:
            self.records.ends.append(type(end).__name__)
        except Exception:  # noqa: BLE001 - told by the run
            self.on_fault(f"{self.name} ended with {traceback.format_exc()}")
            self.time.halted = True
        finally:
            self._bury(life)

    def _bury(self, life: Life) -> None:
        life.process.die()
        if life.is_buried:
            return
        life.is_buried = True
        if not life.stop.asked:
            self.time.after(self.random.uniform(*RESTART_S), self.start)

    def _surroundings(self, process: Process, stop: StopWish) -> Surroundings:
        clock: Clock = self.machine.clock_of(process)
        kafka = SimKafka(process, self.clusters, self.election, self.odds)
        uuids = Uuids(self.random.randbytes(16))
        ticks: deque[AcceptedTick] = deque(maxlen=1_024)
        return Surroundings(
            self.settings,
            clock,
            Feed(self.settings.feed_keys, skew_ms_max=self.settings.price_feed_skew_ms, started_ms=clock.mono_ms()),
            Inbox(ticks, deque()),
            Health(extra=Extra(self.records.shown)),
            stop,  # type: ignore[arg-type]
            self.files(process),
            self.name,
            World(
                kafka,
                kafka.in_background,
                uuids,
                self._publisher(kafka),
                attach=partial(attaching, process, self._is_written),
            ),
        )

    def _is_written(self, intent_id: str) -> bool:
        """Return whether the transaction that holds an intent is decided, marked or not."""
        intents = self.clusters[self.settings.broker].ensure(self.settings.core_intent_topic)
        return any(
            entry.record is not None
            and entry.transaction is not None
            and entry.transaction.fate is Fate.COMMITTED
            and intent_id.encode() in (entry.record.key or b"")
            for entry in intents.entries
        )

    def _publisher(self, kafka: SimKafka) -> Callable[[Writer, str, int], Publisher]:
        """Return what makes the publisher: the one of the process, in threads of the simulation, or the plain one."""
        if not self.writes_beside:
            return DirectPublisher
        process = kafka.process
        process.looks_left = LOOKS_MAX
        threads = Threads(kafka.in_background, partial(SimChange, process), process.sleep)
        return partial(BackgroundPublisher, threads=threads)

    def files(self, process: Process) -> FailingFiles:
        path = self.folder / self.name / "snapshot"
        return FailingFiles(path, process, self.disk, self.records.snapshots.append)
