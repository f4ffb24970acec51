"""How a core comes to the end of a log."""

from twilight.bus import Record
from twilight.core.durability.recovery import Follower
from twilight.core.ids import Uuids
from twilight.domain.engine import new_engine

NOT_KNOWN = -1001
"""What Kafka's client says of a position before it has met a first record."""


class Ended:
    """A log in which nothing follows."""

    is_away = False

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        raise AssertionError(f"nothing is left to read, but {max_records} records were waited for {timeout_s} s")

    def position(self) -> int:
        return NOT_KNOWN

    def end_offset(self) -> int:
        return 7

    def close(self) -> None: ...


def test_a_core_whose_snapshot_knows_the_whole_log_waits_for_nothing() -> None:
    follower = Follower(new_engine(Uuids()), Ended(), start=7)
    follower.to_end()
    assert (follower.position, follower.offset, follower.folded) == (7, 6, 0)
