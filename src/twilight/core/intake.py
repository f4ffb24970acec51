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
    """

    def __init__(self, ticks_to_wait: int = 1, silence_ms: int = 1_000) -> None:
        self._ticks_to_wait = ticks_to_wait
        self._silence_ms = silence_ms
        self._waiting: deque[tuple[int, T]] = deque()
        self._ticks = 0
        self._heard_ms: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def arrive(self, commands: Iterable[T]) -> None:
        """Queue the commands behind those that already wait, in their order."""
        due = self._ticks + self._ticks_to_wait
        self._waiting.extend((due, command) for command in commands)

    def ticked(self, now_ms: int) -> list[T]:
        """Return the commands that may be executed right after the tick accepted at ``now_ms``."""
        self._ticks += 1
        self._heard_ms = now_ms
        return self._due(self._ticks)

    def ready(self, now_ms: int) -> list[T]:
        """Return the commands that need not wait for a tick: all of them when the feed has been silent."""
        if self._heard_ms is None:
            self._heard_ms = now_ms
        if now_ms - self._heard_ms >= self._silence_ms:
            return self._due(None)
        return self._due(self._ticks)

    def _due(self, ticks: int | None) -> list[T]:
        due: list[T] = []
        while self._waiting and (ticks is None or self._waiting[0][0] <= ticks):
            due.append(self._waiting.popleft()[1])
        return due
