"""A short day, again and again; each time the first leader dies at another of its meetings with the world."""

import os
from pathlib import Path

import pytest
from tests.simulation.run import Run
from tests.simulation.virtual_time import NS

MEETINGS = 400
LATER_NS = 3 * NS // 2
STEP = 2 if int(os.environ.get("TWILIGHT_SIM_SEEDS", "0")) >= 100 else 53


class ShortDay(Run):
    """Nothing goes wrong but one death, of the core that leads because the other one comes later."""

    dies_at: int = 0

    def begin_trouble(self) -> None:
        first, second = self.hosts
        assert first.process is not None
        assert second.process is not None
        first.process.crash_after = self.dies_at
        second.process.offline_until_ns = self.time.now_ns + LATER_NS


@pytest.mark.parametrize("meeting", range(0, MEETINGS, STEP))
@pytest.mark.parametrize("has_chain", [False, True], ids=["alone", "with a chain"])
@pytest.mark.parametrize("writes_beside", [False, True], ids=["plain", "beside"])
def test_a_core_may_die_at_any_moment(
    meeting: int,
    has_chain: bool,  # noqa: FBT001  # a parameter
    writes_beside: bool,  # noqa: FBT001  # a parameter
    tmp_path: Path,
) -> None:
    day = ShortDay(7, tmp_path, commands_per_s=10.0, trouble_s=9.0, has_chain=has_chain, writes_beside=writes_beside)
    day.dies_at = meeting
    outcome = day.go()
    assert not outcome.faults, f"died at meeting {meeting}: {outcome.text()}"
    assert outcome.ends["killed"] == 1
    assert outcome.events > 50
