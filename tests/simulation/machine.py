"""A machine on which a core runs: it can be killed, stopped for a while, cut off, and its wall clock can be wrong."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.simulation.virtual_time import NS, Task, VirtualTime

from twilight.core.clock import Clock
from twilight.ops.errors import Unavailable

IDLE_S = (0.004, 0.03)
STOPPED_LOOK_S = 0.25
"""So often a stopped process looks whether it may go on: trouble that ends early wakes it."""
LOOKS = frozenset({"poll", "read", "change", "end offset", "chain: heard"})


class Killed(BaseException):
    """The process is no more; nothing that it still tries has any effect."""


@dataclass
class Process:
    """One life of a core, from its start to its death."""

    time: VirtualTime
    random: Random
    name: str = ""
    alive: bool = True
    on_death: Callable[[], None] = lambda: None
    fenced: bool = False
    crash_after: int | None = None
    """How many meetings with the world are left until it dies."""
    meetings: Counter[str] = field(default_factory=Counter)
    stopped_until_ns: int = 0
    offline_until_ns: int = 0
    faults: list[str] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)
    """The newest offset in each topic that it knows to be committed."""
    changes: list["SimChange"] = field(default_factory=list)
    """What its threads wait for."""
    looks_left: int = 0
    """How often the thread that decides may look at the world before it hears that a transaction failed."""

    def meet(self, what: str, seconds: tuple[float, float] = (0.0001, 0.002)) -> None:
        """Pass one point at which the process meets the world: it takes time, and the process may die there."""
        if not self.alive:
            raise Killed
        if self.fenced:
            self._check_ends(what)
        self.meetings[what] += 1
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after < 0:
                self.die()
                raise Killed
        self.sleep(self.random.uniform(*seconds))

    def _check_ends(self, what: str) -> None:
        """Complain, but for a thread that only looks at the world until it hears of it."""
        self.looks_left -= what != "poll"
        if what not in LOOKS or self.looks_left < 0:
            self.complain(f"a core that was told that its transaction failed went on: {what}")

    def complain(self, fault: str) -> None:
        """Say that it does what no core may do; that ends the run."""
        self.faults.append(fault)
        self.time.halted = True

    def sleep(self, seconds: float) -> None:
        """Wait, and longer while the process is stopped."""
        self.time.sleep(seconds)
        while self.alive and self.time.now_ns < self.stopped_until_ns:
            self.time.sleep(min(STOPPED_LOOK_S, (self.stopped_until_ns - self.time.now_ns) / NS))
        if not self.alive:
            raise Killed

    def kill(self) -> None:
        """End it at once; its threads notice when they wake, which may be long after."""
        self.die()
        self.on_death()

    def die(self) -> None:
        """Be no more; threads that wait for each other would do so for ever."""
        self.alive = False
        for change in self.changes:
            change.notify_all()

    @property
    def is_stopped(self) -> bool:
        return self.time.now_ns < self.stopped_until_ns

    @property
    def is_offline(self) -> bool:
        return self.time.now_ns < self.offline_until_ns

    @property
    def is_heard(self) -> bool:
        """Whether the brokers hear from it."""
        return self.alive and not self.is_stopped and not self.is_offline

    def ask(self, what: str, *, is_down: Callable[[], bool], timeout_s: float) -> None:
        """Reach a cluster; raises `Unavailable` when that does not work within the time."""
        self.meet(what)
        deadline_ns = self.time.now_ns + int(timeout_s * NS)
        while self.is_offline or is_down():
            if self.time.now_ns >= deadline_ns:
                raise Unavailable(f"{what}: no answer within {timeout_s} s")
            self.sleep(0.2)


@dataclass
class SimChange:
    """Stands where `threading.Condition` stands; one thread of the simulation runs at a time, so nothing is held."""

    process: Process
    _waiting: list[Task] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.process.changes.append(self)

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_fault: object) -> None:
        """Nothing was held."""

    def wait_for(self, holds: Callable[[], object]) -> object:
        while not (held := holds()):
            self.process.time.park(self._waiting)
            self.process.meet("change", (0.0, 0.0005))
        return held

    def notify_all(self) -> None:
        self.process.time.wake(self._waiting)


@dataclass
class Machine:
    """What outlives the process: the wall clock's error."""

    time: VirtualTime
    random: Random
    wall_error_ns: int = 0

    def clock_of(self, process: Process) -> Clock:
        """Return the core's own clock on this machine; an idle moment is longer here than on a real one."""
        return Clock(
            lambda: self.time.now_ns + self.wall_error_ns,
            lambda: self.time.now_ns,
            lambda seconds: self._idle(process, seconds),
        )

    def _idle(self, process: Process, seconds: float) -> None:
        process.sleep(max(seconds, self.random.uniform(*IDLE_S)))


@dataclass
class StopWish:
    """Stands where `ops.lifecycle.Stop` stands."""

    process: Process
    asked: bool = False

    def is_set(self) -> bool:
        return self.asked

    def set(self) -> None:
        self.asked = True

    def wait_blocking(self, timeout_s: float) -> bool:
        self.process.sleep(timeout_s)
        return self.asked
