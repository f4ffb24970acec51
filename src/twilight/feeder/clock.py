"""Time for the feeder: monotonic for everything that is measured, wall time only as a label.

Wall time is read once at the start; a system clock that is stepped later changes nothing. Specification 2.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What the feeder asks for the time."""

    def now_ms(self) -> int:
        """Return monotonic milliseconds since the feeder started."""

    def wall_at(self, now_ms: int) -> int:
        """Return the unix milliseconds of a monotonic time."""


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self._started_ns = time.monotonic_ns()
        self._wall_started_ms = time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        """Return monotonic milliseconds since the feeder started."""
        return (time.monotonic_ns() - self._started_ns) // 1_000_000

    def wall_at(self, now_ms: int) -> int:
        """Return the unix milliseconds of a monotonic time: wall time at the start plus the time since."""
        return self._wall_started_ms + now_ms
