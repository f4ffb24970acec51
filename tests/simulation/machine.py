"""A machine on which a core runs: it can be killed, stopped for a while, cut off, and its wall clock can be wrong."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.simulation.virtual_time import NS, VirtualTime

from twilight.core.clock import Clock
from twilight.ops.errors import Unavailable

IDLE_S = (0.004, 0.03)


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

    def meet(self, what: str, seconds: tuple[float, float] = (0.0001, 0.002)) -> None:
        """Pass one point at which the process meets the world: it takes time, and the process may die there."""
        if not self.alive:
            raise Killed
        if self.fenced and what != "poll":
            self.complain(f"a core that was told that its transaction failed went on: {what}")
        self.meetings[what] += 1
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after < 0:
                self.alive = False
                raise Killed
        self.sleep(self.random.uniform(*seconds))

    def complain(self, fault: str) -> None:
        """Say that it does what no core may do; that ends the run."""
        self.faults.append(fault)
        self.time.halted = True

    def sleep(self, seconds: float) -> None:
        """Wait, and longer while the process is stopped."""
        self.time.sleep(seconds)
        while self.alive and self.time.now_ns < self.stopped_until_ns:
            self.time.sleep((self.stopped_until_ns - self.time.now_ns) / NS)
        if not self.alive:
            raise Killed

    def kill(self) -> None:
        """End it at once; its threads notice when they wake, which may be long after."""
        self.alive = False
        self.on_death()

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
