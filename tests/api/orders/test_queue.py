import asyncio
import time

import pytest

from twilight.api.orders.queue import AckQueue
from twilight.ops.errors import Unavailable


class Broker:
    """Takes records; acknowledges them at `flush`, unless it is away."""

    def __init__(self, *, away: bool = False, slow_s: float = 0.0) -> None:
        self.rounds: list[list[bytes]] = []
        self.away = away
        self._slow_s = slow_s
        self._sent: list[bytes] = []
        self._acknowledged_at = 0.0

    def send(self, _topic: str, _key: bytes | None, value: bytes) -> None:
        if not self._sent:
            self._acknowledged_at = time.monotonic() + self._slow_s
        self._sent.append(value)

    def poll(self) -> int:
        if time.monotonic() < self._acknowledged_at:
            return len(self._sent)
        return 0

    def flush(self, _timeout_s: float) -> None:
        self.rounds.append(self._sent)
        self._sent = []
        if self.away or time.monotonic() < self._acknowledged_at:
            raise Unavailable("no acknowledgement")


def test_a_record_is_published_when_the_broker_has_acknowledged_it() -> None:
    broker = Broker()
    asyncio.run(AckQueue(broker).publish("t", b"k", b"1"))
    assert broker.rounds == [[b"1"]]


def test_what_arrives_during_a_round_trip_shares_the_next() -> None:
    broker = Broker(slow_s=0.05)

    async def work() -> None:
        queue = AckQueue(broker)
        first = asyncio.create_task(queue.publish("t", b"k", b"0"))
        await asyncio.sleep(0.01)
        await asyncio.gather(first, *(queue.publish("t", b"k", b"%d" % number) for number in range(1, 9)))

    asyncio.run(work())
    assert broker.rounds == [[b"0"], [b"%d" % number for number in range(1, 9)]]


def test_everyone_of_a_round_hears_that_the_broker_is_away_and_the_next_round_is_new() -> None:
    broker = Broker(away=True)

    async def work() -> list[BaseException | None]:
        queue = AckQueue(broker)
        results = await asyncio.gather(*(queue.publish("t", b"k", b"x") for _ in range(3)), return_exceptions=True)
        broker.away = False
        return [*results, await queue.publish("t", b"k", b"y")]

    results = asyncio.run(work())
    assert [type(result) for result in results] == [Unavailable] * 3 + [type(None)]


def test_a_broker_that_does_not_acknowledge_in_time_is_away() -> None:
    with pytest.raises(Unavailable):
        asyncio.run(AckQueue(Broker(slow_s=60.0), ack_timeout_s=0.05).publish("t", b"k", b"x"))


def test_a_full_queue_refuses() -> None:
    async def work() -> None:
        queue = AckQueue(Broker(slow_s=0.05), waiting_max=1)
        waiting = asyncio.create_task(queue.publish("t", b"k", b"x"))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await queue.publish("t", b"k", b"y")
        await waiting

    asyncio.run(work())


def test_draining_waits_for_what_is_on_its_way() -> None:
    broker = Broker(slow_s=0.05)

    async def work() -> None:
        queue = AckQueue(broker)
        waiting = asyncio.create_task(queue.publish("t", b"k", b"x"))
        await asyncio.sleep(0)
        await queue.drain()
        assert broker.rounds == [[b"x"]]
        await waiting

    asyncio.run(work())
