import asyncio
from collections.abc import Callable

import pytest

from twilight.api.orders.queue import AckQueue
from twilight.bus import Unacknowledged
from twilight.ops.errors import Unavailable

Told = Callable[[Unavailable | None], None]


class Broker:
    """Takes records and tells their fate some polls later: what it refuses, what it is silent about, the rest well."""

    def __init__(self, *, polls: int = 2, refuses: bytes = b"", is_silent_on: bytes = b"") -> None:
        self.log: list[bytes] = []
        self._polls = polls
        self._fates = {
            refuses: Unavailable("the record is too large"),
            is_silent_on: Unacknowledged("no acknowledgement in time"),
        }
        self._waiting: list[tuple[int, bytes, Told]] = []
        self._polled = 0

    def send(self, _topic: str, _key: bytes | None, value: bytes, told: Told) -> None:
        self._waiting.append((self._polled + self._polls, value, told))

    def poll(self) -> int:
        self._polled += 1
        due = [entry for entry in self._waiting if entry[0] <= self._polled]
        self._waiting = [entry for entry in self._waiting if entry[0] > self._polled]
        for _, value, told in due:
            fate = self._fates.get(value)
            if fate is None:
                self.log.append(value)
            told(fate)
        return len(self._waiting)


def test_a_record_is_published_when_the_broker_has_acknowledged_it() -> None:
    broker = Broker()
    asyncio.run(AckQueue(broker).publish("t", b"k", b"1"))
    assert broker.log == [b"1"]


def test_a_record_that_kafka_refuses_leaves_those_beside_it_their_own_outcome() -> None:
    broker = Broker(refuses=b"2", is_silent_on=b"3")

    async def work() -> list[BaseException | None]:
        queue = AckQueue(broker)
        values = (b"1", b"2", b"3", b"4")
        return await asyncio.gather(*(queue.publish("t", b"k", value) for value in values), return_exceptions=True)

    outcomes = asyncio.run(work())
    assert [type(outcome) for outcome in outcomes] == [type(None), Unavailable, Unacknowledged, type(None)]
    assert broker.log == [b"1", b"4"]


def test_what_comes_after_a_failure_is_published_as_ever() -> None:
    broker = Broker(refuses=b"1")

    async def work() -> None:
        queue = AckQueue(broker)
        with pytest.raises(Unavailable):
            await queue.publish("t", b"k", b"1")
        await queue.publish("t", b"k", b"2")

    asyncio.run(work())
    assert broker.log == [b"2"]


def test_a_full_queue_refuses() -> None:
    async def work() -> None:
        queue = AckQueue(Broker(), waiting_max=1)
        waiting = asyncio.create_task(queue.publish("t", b"k", b"x"))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="1 records wait for Kafka"):
            await queue.publish("t", b"k", b"y")
        await waiting
        await queue.publish("t", b"k", b"z")

    asyncio.run(work())


def test_a_caller_who_goes_away_leaves_the_queue_whole() -> None:
    async def work() -> None:
        queue = AckQueue(Broker(), waiting_max=1)
        waiting = asyncio.create_task(queue.publish("t", b"k", b"x"))
        await asyncio.sleep(0)
        waiting.cancel()
        await queue.drain()
        await queue.publish("t", b"k", b"y")

    asyncio.run(work())


def test_draining_waits_for_what_is_on_its_way() -> None:
    broker = Broker(polls=20)

    async def work() -> None:
        queue = AckQueue(broker)
        waiting = asyncio.create_task(queue.publish("t", b"k", b"x"))
        await asyncio.sleep(0)
        await queue.drain()
        assert broker.log == [b"x"]
        await waiting

    asyncio.run(work())
