"""A minute at 1,000 frames a second; `make soak` runs half an hour and judges processor time and beat as well."""

from pathlib import Path

from tests.soak.test_feeder import FRAMES_PER_S, GROWTH_BYTES_MAX, soak


def test_a_minute_of_a_thousand_frames_a_second_loses_no_tick_and_grows_nothing(tmp_path: Path) -> None:
    found = soak(tmp_path, 60)
    assert found["frames_per_s"] > FRAMES_PER_S / 2
    assert found["growth_bytes"] < GROWTH_BYTES_MAX
    assert found["missed_ticks"] == 0
