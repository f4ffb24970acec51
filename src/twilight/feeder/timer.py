"""The grid of ticks: ``t0 + k * 250 ms`` of the monotonic clock.

A late tick is run once, missed ticks are not made up. Price feed specification 8. It leaves t0 open: ours is a
multiple of 250 ms of the wall clock at the start, so that two feeders tick together, and so that a tick's label says
to which moment of a recording it belongs.
"""

import asyncio
from collections.abc import AsyncIterator

from twilight.feeder.clock import Clock


async def ticks(clock: Clock, tick_ms: int) -> AsyncIterator[int]:
    """Yield the time of each tick on the grid, when it has come.

    After the process was held up, what the venues sent meanwhile is read first: otherwise a price from before
    would be published as that of now, and would use up the steps that the limit allows for the missed ticks.
    """
    now_ms = clock.now_ms()
    start_ms = now_ms - clock.wall_at(now_ms) % tick_ms
    number = 0
    while True:
        due_ms = start_ms + (number + 1) * tick_ms
        await _until(clock, due_ms)
        if clock.now_ms() >= due_ms + tick_ms:
            await _read_what_waits()
        number = (clock.now_ms() - start_ms) // tick_ms
        yield number * tick_ms


async def _until(clock: Clock, due_ms: int) -> None:
    """Return at or just after a time; a sleep may end a moment early."""
    wait_ms = due_ms - clock.now_ms()
    while wait_ms > 0:
        await asyncio.sleep(wait_ms / 1_000)
        wait_ms = due_ms - clock.now_ms()


async def _read_what_waits() -> None:
    """Let the loop look at all sockets: it does so between two of its turns, and timers may come before that."""
    for _ in range(2):
        await asyncio.sleep(0)
