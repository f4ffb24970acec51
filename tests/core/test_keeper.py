"""What the leading core keeps beside its work."""

from pathlib import Path

from twilight.core import memory
from twilight.core.aside import Work
from twilight.core.clock import Clock
from twilight.core.keeper import Keeper
from twilight.core.snapshot import SnapshotFiles
from twilight.domain.state import State
from twilight.ops.health import Health

LOG_ID = "the log"


class Endless:
    """Work that goes on until it is given up."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.goes_on = True

    def result(self) -> bytes | None:
        return None

    def end(self) -> None:
        self.goes_on = False


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
