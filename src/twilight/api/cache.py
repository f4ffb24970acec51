"""Answers kept for a moment, so that a thousand askers cost one query. API specification 12."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable

ANSWERS_MAX = 1_024
KEPT_BYTES_MAX = 64 * 1024 * 1024


class AnswerCache:
    """Encoded answers by key; who asks while one is being made waits for that one.

    A failed answer is not kept: those who waited for it get the failure, the next asker tries again.
    """

    def __init__(self, *, answers_max: int = ANSWERS_MAX, clock: Callable[[], float] = time.monotonic) -> None:
        self._answers_max = answers_max
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, bytes]] = {}
        self._kept_bytes = 0
        self._making: dict[Hashable, asyncio.Task[bytes]] = {}

    async def get(self, key: Hashable, lifetime_s: float, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return the answer of ``key``, made at most ``lifetime_s`` ago."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        task = self._making.get(key)
        if task is None:
            task = asyncio.create_task(self._make(key, lifetime_s, make))
            self._making[key] = task
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, lifetime_s: float, make: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            answer = await make()
        finally:
            del self._making[key]
        self._forget(key)
        self._make_room(len(answer))
        self._kept[key] = (self._clock() + lifetime_s, answer)
        self._kept_bytes += len(answer)
        return answer

    def _make_room(self, size: int) -> None:
        while self._kept and (len(self._kept) >= self._answers_max or self._kept_bytes + size > KEPT_BYTES_MAX):
            self._forget(next(iter(self._kept)))

    def _forget(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._kept_bytes -= len(kept[1])
