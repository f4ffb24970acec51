"""What the leading core does beside its work: snapshots, the state hash, health, figures.

What has to look at the whole state does so on a copy of it (`aside`), so no tick waits for it.
"""

from collections import Counter
from collections.abc import Callable

import msgspec

from twilight.core import metrics
from twilight.core.chain import Conversation
from twilight.core.clock import Clock
from twilight.core.cycle import Cycle
from twilight.core.durability import memory
from twilight.core.durability.aside import Job, Work, WorkFailed
from twilight.core.durability.snapshot import SnapshotFiles
from twilight.core.inputs.feed import Feed, Refusal
from twilight.domain.books.snapshot import state_hash
from twilight.domain.books.state import State
from twilight.domain.context import TRADABLE
from twilight.domain.model.inputs import FeedStatus
from twilight.ops.health import Health
from twilight.ops.logs import get

LOOK_S = 1.0
HASH_SHARE = 10
"""The state hash is made again after so many times what it took: at most a tenth of the time of another processor."""

log = get(__name__)


class _Kept(msgspec.Struct):
    """What the work on a copy came to."""

    state_hash: str
    fault: str | None = None
    """Why the snapshot could not be written."""


class Keeper:
    """Is asked after every turn, and mostly says no."""

    def __init__(
        self,
        health: Health,
        files: SnapshotFiles,
        log_id: str,
        interval_s: float,
        clock: Clock,
        aside: Callable[[Work], Job],
        next_intent: Callable[[], int],
    ) -> None:
        self._health = health
        self._clock = clock
        self._files = files
        self._log_id = log_id
        self._interval_s = interval_s
        self._aside = aside
        self._next_intent = next_intent
        now_s = self._clock.mono_s()
        self._next_look_s = now_s
        self._next_hash_s = now_s
        self._next_snapshot_s = now_s + interval_s
        self._job: Job | None = None
        self._begun_s = now_s
        self._hashed_offset = -2
        self._offset = -1
        self._saves = False
        self._feed_status: FeedStatus | None = None
        self._ignored: Counter[Refusal] = Counter()

    def due(self) -> bool:
        """Return whether it is time to look."""
        return self._clock.mono_s() >= self._next_look_s

    def look(self, state: State, cycle: Cycle, feed: Feed, conversation: Conversation, offset: int) -> None:
        """Show how the core stands, and what the work on the last copy came to."""
        self._next_look_s = self._clock.mono_s() + LOOK_S
        self._show(state, cycle, feed, offset)
        metrics.note_chain(conversation)
        self._finish()

    def wants_a_copy(self, offset: int) -> bool:
        """Return whether a hash or a snapshot is due; the caller then waits until the log has what the state has."""
        now_s = self._clock.mono_s()
        if self._job is not None:
            return False
        return now_s >= self._next_snapshot_s or (now_s >= self._next_hash_s and offset != self._hashed_offset)

    def take_a_copy(self, state: State, offset: int) -> None:
        """Begin to hash the state, and to save it when that is due; one that fails costs time, nothing else."""
        self._begun_s, self._offset = self._clock.mono_s(), offset
        self._saves = self._begun_s >= self._next_snapshot_s
        try:
            self._job = self._aside(self._work(state, offset, saves=self._saves))
        except OSError as fault:
            self._not_saved(str(fault))
            return
        self._finish()

    def save(self, state: State, offset: int) -> None:
        """Write a snapshot now, at the end of the core's life, in the place of one that is being written."""
        if self._job is not None:
            self._job.end()
            self._job = None
        self._offset = offset
        self._note(self._work(state, offset, saves=True)(), saved=True)

    def _work(self, state: State, offset: int, *, saves: bool) -> Work:
        """Return what is to be done on a copy of the state as it is now."""
        next_intent = self._next_intent()
        taken_ns = self._clock.wall_ns()

        def work() -> bytes:
            fault = None
            if saves:
                try:
                    self._files.save(memory.dump(state, self._log_id, offset + 1, next_intent, taken_ns))
                except OSError as full:
                    fault = str(full)
            return msgspec.json.encode(_Kept(state_hash(state), fault))

        return work

    def _finish(self) -> None:
        """Take what the work came to, once it has."""
        if self._job is None:
            return
        try:
            given = self._job.result()
        except WorkFailed as fault:
            self._job = None
            self._not_saved(str(fault))
            return
        if given is not None:
            self._job = None
            self._note(given, saved=self._saves)

    def _note(self, given: bytes, *, saved: bool) -> None:
        kept, now_s = msgspec.json.decode(given, type=_Kept), self._clock.mono_s()
        self._health.extra.update(state_hash=kept.state_hash, state_hash_offset=self._offset)
        self._hashed_offset = self._offset
        self._next_hash_s = now_s + HASH_SHARE * (now_s - self._begun_s)
        if saved and kept.fault is not None:
            self._not_saved(kept.fault)
        elif saved:
            metrics.SNAPSHOT_TIME.set_to_current_time()
            self._health.extra["snapshot"] = f"at offset {self._offset}"
            log.info("snapshot", offset=self._offset, seconds=round(now_s - self._begun_s, 3))
            self._next_snapshot_s = now_s + self._interval_s

    def _not_saved(self, fault: str) -> None:
        metrics.SNAPSHOT_FAILURES.inc()
        self._health.extra["snapshot"] = f"failed: {fault}"
        log.error("state not kept", reason=fault, path=str(self._files.path))
        now_s = self._clock.mono_s()
        self._next_snapshot_s = self._next_hash_s = now_s + self._interval_s

    def _show(self, state: State, cycle: Cycle, feed: Feed, offset: int) -> None:
        conditions = cycle.conditions(self._clock.wall_ns(), self._clock.mono_ms())
        status = conditions.feed_status
        metrics.note_state(state)
        metrics.note_feed(feed, conditions.feed_age_ms, tradable=status in TRADABLE)
        metrics.WAITING.set(cycle.waiting)
        metrics.TICKS_LATE.set(cycle.late_ticks)
        self._show_feed(status, feed)
        self._health.extra.update(
            role="leader", offset=offset, price=state.price, feed=status.value, orders=len(state.positions)
        )

    def _show_feed(self, status: FeedStatus, feed: Feed) -> None:
        """Tell whether the feed can be traded at, and whether that is because frames came that were not believed."""
        counted = Counter(dict(list(feed.refused.items())))  # the feed's thread may add a reason meanwhile
        ignored, self._ignored = counted - self._ignored, counted
        reasons = ", ".join(f"{reason} {count}" for reason, count in ignored.most_common()) or "none"
        check = self._health.check("feed")
        if status in TRADABLE:
            check.ok(status)
        else:
            check.fail(f"the feed is {status}; frames ignored since the last look: {reasons}")
        if status is not self._feed_status:
            say = log.info if status in TRADABLE else log.warning
            say("feed", status=status.value, frames_ignored=reasons)
            self._feed_status = status
