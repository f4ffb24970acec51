"""Days of trouble whose hour is cut into slices of a few records, as one of a million positions is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.domain.exchange import slices_of
from tests.simulation.cluster import Transaction
from tests.simulation.run import Run
from tests.simulation.test_every_meeting import LATER_NS
from tests.simulation.test_seeds import seeds

from twilight.domain.books.charging import CHARGES_ALL_BUT
from twilight.wire.keys import EventKey, decode_key

RECORDS = 1
PARTS = 60
STEP = 1 if int(os.environ.get("TWILIGHT_SIM_SEEDS", "0")) >= 100 else 6
BEFORE_THE_HOUR_S, LOOK_S = 11.9, 0.001


class DeathInTheHour(Run):
    """Nothing goes wrong but one death, of the core that has just opened an hour; without a moment, nobody dies."""

    dies_at: int | None = None
    began_at: int | None = None
    meetings: int = 0
    """How often the core met the world from the opening of the hour to its closing."""

    def begin_trouble(self) -> None:
        _, second = self.hosts
        assert second.process is not None
        second.process.offline_until_ns = self.time.now_ns + LATER_NS
        self.time.after(BEFORE_THE_HOUR_S, self._look)

    def _look(self) -> None:
        process, events = self.hosts[0].process, list(hour_of(self))
        assert process is not None
        met = process.meetings.total()
        if self.began_at is None and any(CHARGES_ALL_BUT in metadata for metadata, _, _ in events):
            self.began_at, process.crash_after = met, self.dies_at
        if self.began_at is not None and (self.dies_at is not None or events[-1][1].event_type == "FundingRateUpdate"):
            self.meetings = met - self.began_at
        else:
            self.time.after(LOOK_S, self._look)


def hour_of(run: Run) -> Iterator[tuple[dict[str, str], EventKey, Transaction]]:
    """Yield metadata, key and transaction of every record of funding hours that is committed."""
    for record, transaction in run.log.committed():
        key = decode_key(record.key)
        metadata = (key.metadata if isinstance(key, EventKey) else None) or {}
        if "funding_hour" in metadata:
            assert isinstance(key, EventKey)
            assert transaction is not None
            yield metadata, key, transaction


@pytest.mark.parametrize("seed", seeds())
def test_nothing_is_lost_doubled_or_wrong_when_an_hour_is_sliced(seed: int, tmp_path: Path) -> None:
    run = Run(seed, tmp_path)
    with slices_of(RECORDS):
        outcome = run.go()
    assert not outcome.faults, outcome.text()


@pytest.fixture(scope="module")
def meetings(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Return how often a core meets the world while it has an hour open."""
    day = day_of(tmp_path_factory.mktemp("whole"))
    with slices_of(RECORDS):
        assert not day.go().faults
    assert day.meetings > RECORDS
    return day.meetings


def day_of(path: Path) -> DeathInTheHour:
    return DeathInTheHour(7, path, commands_per_s=10.0, trouble_s=16.0, has_chain=False)


@pytest.mark.parametrize("part", range(0, PARTS, STEP))
def test_a_core_may_die_at_any_moment_of_an_hour_and_the_next_one_goes_on_with_it(
    part: int, meetings: int, tmp_path: Path
) -> None:
    day = day_of(tmp_path)
    day.dies_at = meeting = meetings * part // PARTS
    with slices_of(RECORDS):
        outcome = day.go()
    assert not outcome.faults, f"died at meeting {meeting} of {meetings}: {outcome.text()}"
    assert outcome.ends["killed"] == 1
    *records, last = [(key.event_type, key.agg_id, transaction.epoch) for _, key, transaction in hour_of(day)]
    charged = [name for kind, name, _ in records if kind == "TraderOrderFundingUpdate"]
    assert len(charged) == len(set(charged)) > RECORDS
    assert last[0] == "FundingRateUpdate"
    writers = {epoch for _, _, epoch in [*records, last]}
    assert len(writers) == 2 or part == PARTS - 1  # at the very end the closing may have been on its way
