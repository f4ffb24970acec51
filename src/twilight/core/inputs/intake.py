"""When a command may meet the engine: never before a price that is younger than it (decisions R5)."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Intake(Generic[T]):
    """Commands wait here until enough ticks were accepted after their arrival.

    The engine executes at the last accepted tick. A trader who sees the market move before the index does
    would trade at a price that he already knows to be wrong, so a command is handed over right after the
    ``ticks_to_wait``-th tick that was accepted since it arrived. With 0 it is handed over at once.

    When no tick was accepted for ``silence_ms``, counted from the first look when there was none yet, nothing could
    be handed over any more, so everything is: the gates of the engine then answer that the feed is paused.

    All times are milliseconds of one monotonic clock.
    """

    def __init__(self, ticks_to_wait: int = 1, silence_ms: int = 1_000) -> None:
        self._ticks_to_wait = ticks_to_wait
        self._silence_ms = silence_ms
        self._waiting: deque[tuple[int, T]] = deque()
        self._last_ticks_ms: deque[int] = deque(maxlen=ticks_to_wait)
        self._heard_ms: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def arrive(self, commands: Iterable[T], arrived_ms: int) -> None:
        """Queue the commands behind those that wait; ticks accepted until ``arrived_ms`` do not count for them."""
        self._waiting.extend((arrived_ms, command) for command in commands)

    def ticked(self, accepted_ms: int) -> list[T]:
        """Return the commands that may be executed right after the tick that was accepted then."""
        self._heard_ms = accepted_ms
        self._last_ticks_ms.append(accepted_ms)
        return self._due()

    def ready(self, now_ms: int) -> list[T]:
        """Return the commands that need not wait for a tick: all of them when the feed has been silent."""
        if self._heard_ms is None:
            self._heard_ms = now_ms
        return self._due() if now_ms - self._heard_ms < self._silence_ms else self._all()

    def _due(self) -> list[T]:
        if self._ticks_to_wait == 0:
            return self._all()
        due: list[T] = []
        ticks = self._last_ticks_ms
        if len(ticks) == self._ticks_to_wait:
            while self._waiting and self._waiting[0][0] < ticks[0]:
                due.append(self._waiting.popleft()[1])
        return due

    def _all(self) -> list[T]:
        due = [command for _, command in self._waiting]
        self._waiting.clear()
        return due
