"""What the leading core does beside its work: snapshots, health, figures. Never more often than it can afford."""

from twilight.core import memory, metrics
from twilight.core.clock import Clock
from twilight.core.cycle import Cycle
from twilight.core.feed import Feed
from twilight.core.snapshot import SnapshotFiles
from twilight.domain.context import TRADABLE
from twilight.domain.snapshot import state_hash
from twilight.domain.state import State
from twilight.ops.health import Health
from twilight.ops.logs import get

LOOK_S = 1.0
HASH_SHARE = 50
"""The state hash is made again after so many times what it took: at most 2 % of the time goes into it."""

log = get(__name__)


class Keeper:
    """Is asked after every turn, and mostly says no."""

    def __init__(self, health: Health, files: SnapshotFiles, log_id: str, interval_s: float, clock: Clock) -> None:
        self._health = health
        self._clock = clock
        self._files = files
        self._log_id = log_id
        self._interval_s = interval_s
        now_s = self._clock.mono_s()
        self._next_look_s = now_s
        self._next_hash_s = now_s
        self._next_snapshot_s = now_s + interval_s
        self._hashed_offset = -2

    def due(self) -> bool:
        """Return whether it is time to look; the caller then waits until the log has what the state has."""
        return self._clock.mono_s() >= self._next_look_s

    def look(self, state: State, cycle: Cycle, feed: Feed, offset: int) -> None:
        """Show how the core stands, and take a snapshot when it is time."""
        now_s = self._clock.mono_s()
        self._next_look_s = now_s + LOOK_S
        self._show(state, cycle, feed, offset)
        if now_s >= self._next_hash_s and offset != self._hashed_offset:
            self._hash(state, offset)
        if now_s >= self._next_snapshot_s:
            self.save(state, offset)

    def save(self, state: State, offset: int) -> None:
        """Write a snapshot; one that fails costs time at the next start, nothing else."""
        begun = self._clock.mono_s()
        try:
            self._files.save(memory.dump(state, self._log_id, offset + 1, self._clock.wall_ns()))
        except OSError as fault:
            metrics.SNAPSHOT_FAILURES.inc()
            self._health.extra["snapshot"] = f"failed: {fault}"
            log.error("snapshot not written", reason=str(fault), path=str(self._files.path))  # noqa: TRY400 - it goes on
        else:
            metrics.SNAPSHOT_TIME.set_to_current_time()
            self._health.extra["snapshot"] = f"at offset {offset}"
            log.info("snapshot", offset=offset, seconds=round(self._clock.mono_s() - begun, 3))
        self._next_snapshot_s = self._clock.mono_s() + self._interval_s

    def _show(self, state: State, cycle: Cycle, feed: Feed, offset: int) -> None:
        conditions = cycle.conditions(self._clock.wall_ns(), self._clock.mono_ms())
        status = conditions.feed_status
        metrics.note_state(state)
        metrics.note_feed(feed, conditions.feed_age_ms, tradable=status in TRADABLE)
        metrics.WAITING.set(cycle.waiting)
        check = self._health.check("feed")
        if status in TRADABLE:
            check.ok(status)
        else:
            check.fail(f"the feed is {status}")
        self._health.extra.update(
            role="leader", offset=offset, price=state.price, feed=status.value, orders=len(state.positions)
        )

    def _hash(self, state: State, offset: int) -> None:
        begun = self._clock.mono_s()
        self._health.extra.update(state_hash=state_hash(state), state_hash_offset=offset)
        self._hashed_offset = offset
        self._next_hash_s = self._clock.mono_s() + HASH_SHARE * (self._clock.mono_s() - begun)
