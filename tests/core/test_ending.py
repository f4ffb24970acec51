"""What the end of the feed's client means for the process (W-31)."""

import asyncio

import pytest

from twilight.core.server import raise_what_ended


async def dies() -> None:
    raise UnicodeError("label too long")


def test_a_feed_client_that_died_ends_the_process_with_its_error() -> None:
    async def scene() -> None:
        feeding = asyncio.create_task(dies())
        await asyncio.wait([feeding])
        raise_what_ended(feeding)

    with pytest.raises(UnicodeError, match="label too long"):
        asyncio.run(scene())


def test_a_feed_client_that_was_stopped_ends_nothing() -> None:
    async def scene() -> None:
        feeding = asyncio.create_task(asyncio.sleep(60))
        feeding.cancel()
        await asyncio.wait([feeding])
        raise_what_ended(feeding)

    asyncio.run(scene())
