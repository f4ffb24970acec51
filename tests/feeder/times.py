"""A clock that a test turns by hand."""

from dataclasses import dataclass


@dataclass
class HandClock:
    ms: int = 0
    wall_start_ms: int = 1_723_161_254_000

    def now_ms(self) -> int:
        return self.ms

    def wall_at(self, now_ms: int) -> int:
        return self.wall_start_ms + now_ms
