"""The grid of ticks, on time and after the process was held up."""

import asyncio

import pytest

from twilight.feeder.timer import ticks


class SleepyClock:
    """A clock that only sleeping moves, and that loses two seconds when it is told to."""

    def __init__(self) -> None:
        self.ms = 0
        self.lost_in_sleep_ms = 0

    def now_ms(self) -> int:
        return self.ms

    def wall_at(self, now_ms: int) -> int:
        return now_ms

    async def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1_000) + self.lost_in_sleep_ms
        self.lost_in_sleep_ms = 0


@pytest.mark.parametrize("held_up", ["between ticks", "in its sleep"])
def test_a_late_tick_runs_once_and_missed_ticks_are_not_made_up(monkeypatch: pytest.MonkeyPatch, held_up: str) -> None:
    clock = SleepyClock()

    async def main() -> list[tuple[int, int]]:
        seen = []
        async for t_ms in ticks(clock, 250):
            seen.append((t_ms, clock.ms))
            if len(seen) == 3 and held_up == "between ticks":
                clock.ms += 2_130
            elif len(seen) == 3:
                clock.lost_in_sleep_ms = 1_880
            if len(seen) == 6:
                return seen
        return seen

    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    assert asyncio.run(main()) == [(250, 250), (500, 500), (750, 750), (2_750, 2_880), (3_000, 3_000), (3_250, 3_250)]
