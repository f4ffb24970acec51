"""The websockets to the feeders: a thin shell that brings frames to `Feed` and accepted ticks to the loop."""

import asyncio
import random
from collections import deque
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from twilight.core.clock import Clock
from twilight.core.inputs.feed import FRAME_BYTES_MAX, AcceptedTick, Feed, Refusal
from twilight.ops.logs import get

TICKS_WAITING_MAX = 1_024
SILENT_LINK_S = 5.0
RETRY_S = (0.1, 2.0)

log = get(__name__)


class FeedClient:
    """Keeps one websocket to each feeder open and queues the ticks that were accepted.

    ``ticks`` is filled by the thread that runs `run` and emptied by the loop of the core; when the loop
    stands still the oldest fall out, which costs nothing because the newest is what counts.
    """

    def __init__(self, urls: Sequence[str], feed: Feed, clock: Clock) -> None:
        self._urls = tuple(urls)
        self._feed = feed
        self._clock = clock
        self.ticks: deque[AcceptedTick] = deque(maxlen=TICKS_WAITING_MAX)
        self.connected = [False] * len(self._urls)

    async def run(self) -> None:
        """Follow every feeder until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for feeder, url in enumerate(self._urls):
                tasks.create_task(self._follow(feeder, url), name=f"feed {url}")

    async def _follow(self, feeder: int, url: str) -> None:
        retry_s = RETRY_S[0]
        while True:
            try:
                async with connect(url, max_size=FRAME_BYTES_MAX, ping_interval=None, proxy=None) as link:
                    self._linked(feeder, connected=True)
                    retry_s = RETRY_S[0]
                    await self._receive(feeder, link)
            except (OSError, WebSocketException, TimeoutError) as error:
                log.warning("feed link lost", url=url, error=str(error) or type(error).__name__)
            finally:
                self._linked(feeder, connected=False)
            await asyncio.sleep(retry_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            retry_s = min(retry_s * 2, RETRY_S[1])

    async def _receive(self, feeder: int, link: ClientConnection) -> None:
        """Take frames; a link that is silent for some seconds is dead whatever the library thinks of it."""
        while True:
            async with asyncio.timeout(SILENT_LINK_S):
                frame = await link.recv()
            outcome = self._feed.offer(feeder, frame, self._clock.true_wall_ms(), self._clock.mono_ms())
            if not isinstance(outcome, Refusal):
                self.ticks.append(outcome)

    def _linked(self, feeder: int, *, connected: bool) -> None:
        if self.connected[feeder] != connected:
            log.info("feed link", url=self._urls[feeder], connected=connected)
        self.connected[feeder] = connected
