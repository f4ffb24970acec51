"""What the leading core keeps beside its work."""

from collections.abc import Callable
from pathlib import Path

from tests.core.feeders import SignedFeeder

from twilight.core.chain import Conversation
from twilight.core.chain.disabled import NoChain
from twilight.core.clock import Clock
from twilight.core.cycle import Cycle
from twilight.core.durability import memory
from twilight.core.durability.aside import Done, Job, Work
from twilight.core.durability.keeper import Keeper
from twilight.core.durability.snapshot import SnapshotFiles
from twilight.core.inputs.feed import AcceptedTick, Feed
from twilight.domain.books.state import State
from twilight.ops.health import Health

LOG_ID = "the log"
INTERVAL_S = 60


class Endless:
    """Work that goes on until it is given up."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.goes_on = True

    def result(self) -> bytes | None:
        return None

    def end(self) -> None:
        self.goes_on = False


def test_operators_are_told_why_a_feed_cannot_be_traded_at(tmp_path: Path) -> None:
    speaker, stranger = SignedFeeder(), SignedFeeder(seed=bytes(32))
    health, cycle = Health(), Cycle(0)
    feed = Feed([[speaker.public_key]])
    conversation = Conversation(NoChain(), Clock(), 1.0)
    keeper = Keeper(health, SnapshotFiles(tmp_path / "snapshot"), LOG_ID, 900, Clock(), Done, lambda: 0)

    def said_after(frame: str) -> str:
        now_ms = Clock().mono_ms()
        outcome = feed.offer(0, frame, 1_000, now_ms)
        list(cycle.turn([outcome] if isinstance(outcome, AcceptedTick) else [], [], State(), 0, now_ms))
        keeper.look(State(), cycle, feed, conversation, 0)
        return health.check("feed").text()

    assert said_after(stranger.frame(1_000)) == (
        "error: the feed is STARTING; frames ignored since the last look: unknown_key 1"
    )
    assert said_after(speaker.frame(1_000, status="HOLD")) == (
        "error: the feed is HOLD; frames ignored since the last look: none"
    )
    assert said_after(speaker.frame(1_000)) == "ok"


def test_the_last_snapshot_is_written_by_nobody_else_at_the_same_time(tmp_path: Path) -> None:
    jobs: list[Endless] = []

    def begin(work: Work) -> Endless:
        jobs.append(Endless(work))
        return jobs[-1]

    files, health = SnapshotFiles(tmp_path / "snapshot"), Health()
    keeper = Keeper(health, files, LOG_ID, 0, Clock(), begin, lambda: 0)
    keeper.take_a_copy(State(), 6)
    keeper.save(State(price=65_000.0), 8)
    assert [job.goes_on for job in jobs] == [False]
    ((_, body),) = files.candidates()
    assert isinstance(body, bytes)
    saved = memory.load(body, LOG_ID)
    assert (saved.next_offset, saved.state.price) == (9, 65_000.0)
    assert health.extra["state_hash_offset"] == 8


class Scene:
    """A keeper in a time that stands still until it is set."""

    def __init__(self, path: Path, begin: Callable[[Work], Job] = Done) -> None:
        self.now_s = 0.0
        self.files, self.health = SnapshotFiles(path), Health()
        clock = Clock(mono_ns=lambda: int(self.now_s * 1e9))
        self.keeper = Keeper(self.health, self.files, LOG_ID, INTERVAL_S, clock, begin, lambda: 0)

    def wants_a_copy(self, offset: int, at_s: float) -> bool:
        self.now_s = at_s
        return self.keeper.wants_a_copy(offset)


def test_a_state_that_was_hashed_is_not_hashed_again_before_it_changes(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "snapshot")
    assert scene.wants_a_copy(6, at_s=1)
    scene.keeper.take_a_copy(State(), 6)
    assert not scene.wants_a_copy(6, at_s=50)
    assert scene.wants_a_copy(7, at_s=50)


def test_no_second_copy_is_made_while_the_first_is_worked_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "snapshot", Endless)
    scene.keeper.take_a_copy(State(), 6)
    assert not scene.wants_a_copy(7, at_s=10 * INTERVAL_S)


def test_a_snapshot_that_cannot_be_written_is_tried_again_after_the_interval_not_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    scene = Scene(tmp_path / "file" / "snapshot")
    assert scene.wants_a_copy(6, at_s=INTERVAL_S)
    scene.keeper.take_a_copy(State(), 6)
    assert str(scene.health.extra["snapshot"]).startswith("failed: ")
    assert not scene.wants_a_copy(7, at_s=2 * INTERVAL_S - 1)
    assert scene.wants_a_copy(7, at_s=2 * INTERVAL_S)
