"""Time for the feeder: monotonic for everything that is measured, wall time only as a label.

Wall time is read once at the start; a system clock that is stepped later changes nothing. Specification 2.
"""

import time
from typing import Final, Protocol

NS_PER_MS: Final = 1_000_000


class Clock(Protocol):
    """What the feeder asks for the time."""

    def now_ms(self) -> int:
        """Return monotonic milliseconds since the feeder started."""

    def wall_at(self, now_ms: int) -> int:
        """Return the unix milliseconds of a monotonic time."""


class SystemClock:
    """The machine's clocks; both begin on the same whole millisecond of the wall clock."""

    def __init__(self) -> None:
        wall_ns = time.time_ns()
        self._started_ns = time.monotonic_ns() - wall_ns % NS_PER_MS
        self._wall_started_ms = wall_ns // NS_PER_MS

    def now_ms(self) -> int:
        """Return monotonic milliseconds since the feeder started."""
        return (time.monotonic_ns() - self._started_ns) // NS_PER_MS

    def wall_at(self, now_ms: int) -> int:
        """Return the unix milliseconds of a monotonic time: wall time at the start plus the time since."""
        return self._wall_started_ms + now_ms
