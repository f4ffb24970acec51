"""How far a feed has fallen behind itself: only changes of its delay count, never the clocks' difference.

Price feed specification 5, rule 2.
"""

from collections import deque
from typing import Final

WINDOW_S: Final = 600


class LagWindow:
    """The smallest delay of the last 600 s, kept as one minimum for each second."""

    def __init__(self) -> None:
        self._older: deque[tuple[int, int]] = deque()
        self._older_minimum: int | None = None
        self._second = -1
        self._minimum = 0

    def lag_ms(self, now_ms: int, delay_ms: int) -> int:
        """Take in the delay of one quote and return how much larger it is than the smallest one."""
        second = now_ms // 1_000
        if second != self._second:
            self._turn(second, delay_ms)
        elif delay_ms < self._minimum:
            self._minimum = delay_ms
        base, older = self._minimum, self._older_minimum
        return delay_ms - (base if older is None or base < older else older)

    def forget_since(self, since_ms: int) -> None:
        """Drop what was learnt since then: it came from a time that proved wrong."""
        since = since_ms // 1_000
        while self._older and self._older[-1][0] >= since:
            self._older.pop()
        if self._second >= since:
            self._second = -1
        self._recount()

    def _turn(self, second: int, delay_ms: int) -> None:
        """Begin a second: the one before joins the older ones, those beyond the window are forgotten."""
        older = self._older
        if self._second >= 0:
            older.append((self._second, self._minimum))
            if self._older_minimum is None or self._minimum < self._older_minimum:
                self._older_minimum = self._minimum
        while older and older[0][0] < second - WINDOW_S:
            _, gone = older.popleft()
            if gone == self._older_minimum:
                self._recount()
        self._second, self._minimum = second, delay_ms

    def _recount(self) -> None:
        self._older_minimum = min((minimum for _, minimum in self._older), default=None)
