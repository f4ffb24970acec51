"""What goes wrong, and when: one fault after another, drawn from the seed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.cores import CoreHost
from tests.simulation.disk import damage
from tests.simulation.machine import Process
from tests.simulation.virtual_time import NS

if TYPE_CHECKING:
    from tests.simulation.run import Run

PAUSE_S = (0.05, 3.0)


@dataclass
class Faults:
    """Does one thing after another to a run until it is told to heal everything."""

    run: "Run"
    random: Random
    done: Counter[str] = field(default_factory=Counter)
    healed: bool = False

    def begin(self) -> None:
        """Begin, with odds of this seed's own for whatever is left to chance at each commit, write and start."""
        odds, share = self.run.odds, self.random.choice((0.0, 0.01, 0.05))
        odds.abort, odds.request_lost, odds.answer_lost = share, share / 2, share / 2
        for host in self.run.hosts:
            host.disk.torn_write = self.random.choice((0.0, 0.2))
            host.before_start = self._before_start
        kinds = self._kinds()
        self._weights = {kind: self.random.choice((0.0, 1.0, 1.0, 3.0)) for kind in kinds}
        self._pause_s = self.random.choice((0.3, 1.0, 3.0))
        self.run.time.after(self.random.expovariate(1 / self._pause_s), self._next)

    def heal(self) -> None:
        """End everything that is wrong; from now on nothing new goes wrong."""
        run, self.healed = self.run, True
        run.odds.abort = run.odds.request_lost = run.odds.answer_lost = 0.0
        for cluster in run.clusters.values():
            cluster.down_until_ns = 0
        for host in run.hosts:
            host.disk.is_full, host.disk.torn_write, host.machine.wall_error_ns = False, 0.0, 0
            if (process := host.process) is not None:
                process.crash_after, process.stopped_until_ns, process.offline_until_ns = None, 0, 0
        self._feeder_speaks_well()

    def _kinds(self) -> dict[str, Callable[[], None]]:
        return {
            "kill leader": lambda: self._kill(leads=True),
            "kill standby": lambda: self._kill(leads=False),
            "kill both": self._kill_both,
            "crash at a meeting": self._crash_soon,
            "stop": self._stop,
            "cut off": self._cut_off,
            "brokers down": self._brokers_down,
            "displace leader": self.run.election.displace,
            "disk full": self._disk_full,
            "clock jumps": self._clock_jumps,
            "feeder misbehaves": self._feeder_misbehaves,
            "market jumps": lambda: self.run.market.jump(self.random.gauss(0, 0.02)),
            "operator": self.run.operator.act,
        }

    def _next(self) -> None:
        if self.healed:
            return
        kinds = self._kinds()
        kind = self.random.choices(list(kinds), [self._weights[name] + 0.01 for name in kinds])[0]
        self.done[kind] += 1
        self.run.note(f"fault: {kind}")
        kinds[kind]()
        self.run.time.after(min(self.random.expovariate(1 / self._pause_s), 8.0), self._next)

    def _process(self, *, leads: bool) -> Process | None:
        return next((host.process for host in self.run.hosts if host.process and host.leads == leads), None)

    def _anyone(self) -> Process | None:
        return self.random.choice([host.process for host in self.run.hosts])

    def _kill(self, *, leads: bool) -> None:
        if process := self._process(leads=leads):
            process.kill()

    def _kill_both(self) -> None:
        for host in self.run.hosts:
            if process := host.process:
                process.kill()

    def _crash_soon(self) -> None:
        """Let one die at its n-th meeting with the world from now."""
        if process := self._anyone():
            process.crash_after = int(self.random.expovariate(1 / self.random.choice((3, 30, 300))))

    def _before_start(self, host: CoreHost) -> None:
        """Damage the snapshots at times; and let a life end at its very beginning at times."""
        if self.healed:
            return
        if self.random.random() < 0.25:
            self.run.note(
                f"snapshot of {host.name}: {damage(host.files(Process(self.run.time, self.random)), self.random)}"
            )
        if self.random.random() < 0.1:
            self.run.time.after(0.0, lambda: self._crash_young(host))

    def _crash_young(self, host: CoreHost) -> None:
        if process := host.process:
            process.crash_after = self.random.randrange(12)

    def _stop(self) -> None:
        if process := self._anyone():
            process.stopped_until_ns = self._later(1, 30)

    def _cut_off(self) -> None:
        if process := self._anyone():
            process.offline_until_ns = self._later(0.5, 40)

    def _later(self, least_s: float, most_s: float) -> int:
        return self.run.time.now_ns + int(least_s * (most_s / least_s) ** self.random.random() * NS)

    def _brokers_down(self) -> None:
        cluster = self.random.choice(list(self.run.clusters.values()))
        cluster.go_down(self.random.choice((0.3, 2.0, 8.0, 35.0)))

    def _disk_full(self) -> None:
        disk = self.random.choice(self.run.hosts).disk
        disk.is_full = not disk.is_full

    def _clock_jumps(self) -> None:
        self.random.choice(self.run.hosts).machine.wall_error_ns = int(self.random.gauss(0, 1.0) * NS)

    def _feeder_misbehaves(self) -> None:
        market = self.run.market
        kind = self.random.randrange(6)
        if kind == 0:
            market.silent = True
        elif kind == 1:
            market.status = self.random.choice(("DEGRADED", "HOLD", "HALTED", "STARTING"))
        elif kind == 2:
            market.flags = ("STEP_LIMITED",)
        elif kind == 3:
            market.restart()
        elif kind == 4:
            market.volatility = self.random.choice((0.0001, 0.0005, 0.005))
        self.run.time.after(self.random.uniform(0.5, 4.0), self._feeder_speaks_well)

    def _feeder_speaks_well(self) -> None:
        market = self.run.market
        market.silent, market.status, market.flags = False, "HEALTHY", ()
        market.honest = self.healed
