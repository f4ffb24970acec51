"""The core's only clocks; everything below `server` is handed times."""

import time
from collections.abc import Callable


class Clock:
    """Wall time that never goes back while the process lives, and a monotonic time for ages.

    A wall clock that is set back would date events before those in the log already; time then stands still
    until the clock has caught up. Ages never use it.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns
        self.sleep = sleep
        self._newest_ns = 0

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970."""
        self._newest_ns = max(self._newest_ns, self._wall_ns())
        return self._newest_ns

    def wall_ms(self) -> int:
        """Return milliseconds since 1970."""
        return self.wall_ns() // 1_000_000

    def true_wall_ms(self) -> int:
        """Return the machine's own milliseconds since 1970, also when they went back: what the feed's labels meet."""
        return self._wall_ns() // 1_000_000

    def mono_ms(self) -> int:
        """Return milliseconds of a clock that only ages are measured with."""
        return self._mono_ns() // 1_000_000

    def mono_s(self) -> float:
        """Return the same clock's seconds."""
        return self._mono_ns() / 1_000_000_000
