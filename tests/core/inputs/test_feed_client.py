"""The links to the feeders on real sockets: two feeders for one core."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from tests.core.feeders import SignedFeeder
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from twilight.core.clock import Clock
from twilight.core.inputs import feed_client
from twilight.core.inputs.feed import Feed
from twilight.core.inputs.feed_client import FeedClient
from twilight.domain.index.tick import key_id

PATIENCE_S = 30
SPEAKS_EVERY_S = 0.05


@dataclass
class Stand:
    """One feeder on a port of its own; it sends a tick twenty times a second, or nothing."""

    feeder: SignedFeeder
    speaks: bool = True
    port: int = 0
    connections: int = 0
    server: Server = field(init=False)

    @property
    def kid(self) -> str:
        return key_id(self.feeder.public_key)

    async def open(self) -> None:
        self.server = await serve(self._accept, "127.0.0.1", self.port)
        self.port = next(iter(self.server.sockets)).getsockname()[1]

    async def close(self) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def _accept(self, link: ServerConnection) -> None:
        self.connections += 1
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(SPEAKS_EVERY_S)
                if self.speaks:
                    await link.send(self.feeder.frame(Clock().true_wall_ms()))


@asynccontextmanager
async def following(*stands: Stand) -> AsyncIterator[FeedClient]:
    """Open all stands and let a core's client follow them, the first as its primary."""
    for stand in stands:
        await stand.open()
    clock = Clock()
    feed = Feed([[stand.feeder.public_key] for stand in stands], started_ms=clock.mono_ms())
    client = FeedClient([f"ws://127.0.0.1:{stand.port}" for stand in stands], feed, clock)
    running = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield client
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for stand in stands:
            await stand.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - a condition, not an event
        await asyncio.sleep(0.01)


def newest_kid(client: FeedClient) -> str | None:
    return client.ticks[-1].tick.kid if client.ticks else None


def test_when_the_primary_dies_the_core_follows_the_fallback_until_it_is_back() -> None:
    async def main() -> None:
        primary, fallback = Stand(SignedFeeder(bytes(32))), Stand(SignedFeeder(bytes([1] * 32)))
        async with following(primary, fallback) as client:
            await until(lambda: all(client.connected) and newest_kid(client) == primary.kid)
            await primary.close()
            await until(lambda: newest_kid(client) == fallback.kid)
            assert client.connected == [False, True]
            await primary.open()
            await until(lambda: newest_kid(client) == primary.kid)

    asyncio.run(main())


def test_a_feeder_that_is_linked_but_silent_is_left_for_the_fallback_and_dialled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_client, "SILENT_LINK_S", 0.5)

    async def main() -> None:
        primary, fallback = Stand(SignedFeeder(bytes(32)), speaks=False), Stand(SignedFeeder(bytes([1] * 32)))
        async with following(primary, fallback) as client:
            await until(lambda: newest_kid(client) == fallback.kid)
            await until(lambda: primary.connections >= 2)
            primary.speaks = True
            await until(lambda: newest_kid(client) == primary.kid)

    asyncio.run(main())
