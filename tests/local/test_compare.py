"""Published prices against the ones that a recording is to give."""

from pathlib import Path

import pytest

from twilight.domain.index.tick import PriceTick
from twilight.local.compare import Expected, compare, opened_at_ms, read_expected
from twilight.local.files import write_json
from twilight.local.layout import Layout
from twilight.local.venues.control import Status
from twilight.ops.errors import SettingsError

OPENED_MS = 1_723_161_254_000
EXPECTED = {1_000: Expected("HEALTHY", 60_000.0), 1_250: Expected("HEALTHY", 60_006.0)}


def tick(at_ms: int, dollars: float, status: str = "HEALTHY") -> PriceTick:
    price_e8 = round(dollars * 100_000_000)
    return PriceTick(1, 1, OPENED_MS + at_ms, price_e8, status, 8, 5, 0, (), price_e8, "", "")


def test_ticks_at_or_just_after_their_moment_within_half_a_basis_point_are_equal() -> None:
    found = compare(EXPECTED, OPENED_MS, [tick(750, 1.0), tick(1_003, 60_002.9), tick(1_250, 60_006.0)])
    assert (found.is_equal, found.compared, found.apart) == (True, 2, ())
    assert found.worst_bps == pytest.approx(0.483, abs=0.001)


@pytest.mark.parametrize(
    ("ticks", "told"),
    [
        ([tick(1_000, 60_003.1), tick(1_250, 60_006.0)], "1000 ms (tick 1): 60003.10 HEALTHY, expected 60000.00"),
        ([tick(1_000, 60_000.0, "DEGRADED"), tick(1_250, 60_006.0)], "60000.00 DEGRADED, expected 60000.00 HEALTHY"),
    ],
)
def test_another_price_or_status_is_named(ticks: list[PriceTick], told: str) -> None:
    found = compare(EXPECTED, OPENED_MS, ticks)
    assert not found.is_equal
    assert told in found.apart[0]


def test_a_tick_that_was_never_published_is_missed() -> None:
    found = compare(EXPECTED, OPENED_MS, [tick(1_000, 60_000.0)])
    assert (found.is_equal, found.compared, found.expected) == (False, 1, 2)


def test_expected_ticks_are_read_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "expected.csv"
    path.write_text("t_ms,status,price,n\n1000,HEALTHY,60000.00,8\n")
    assert read_expected(path) == {1_000: Expected("HEALTHY", 60_000.0)}
    path.write_text("time,price\n1000,60000.00\n")
    with pytest.raises(SettingsError, match="expected columns t_ms, status, price"):
        read_expected(path)


def test_only_a_recording_can_be_compared(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_json(layout.venue_status, Status("walk, seed 1", "playing", OPENED_MS, "", {}))
    with pytest.raises(SettingsError, match="no recording was played"):
        opened_at_ms(layout)
    write_json(layout.venue_status, Status("replay venues8-a.jsonl.gz", "ended", OPENED_MS, "", {}))
    assert opened_at_ms(layout) == OPENED_MS
