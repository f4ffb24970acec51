"""Writes to Kafka that the event loop can wait for, each with an outcome of its own."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from twilight.ops.errors import Unavailable

WAITING_MAX = 10_000
POLL_S = 0.001


class Producer(Protocol):
    """The part of ``bus.producer.Producer`` that is needed here."""

    def send(self, topic: str, key: bytes | None, value: bytes, told: Callable[[Unavailable | None], None]) -> None:
        """Hand a record over; from within a later `poll` tell what became of it."""

    def poll(self) -> int:
        """Take in acknowledgements; return how many are missing."""


class AckQueue:
    """Records on their way to Kafka.

    Kafka's client sends what has come together in one request, so a burst costs one round trip and a lone record no
    delay; it gives a record up after the delivery time that it was made with. The event loop itself asks for the
    acknowledgements: a thread that waited for them would have to win the interpreter back from a busy loop for each
    one.
    """

    def __init__(self, producer: Producer, *, waiting_max: int = WAITING_MAX) -> None:
        self._producer = producer
        self._waiting_max = waiting_max
        self._poller: asyncio.Task[None] | None = None
        self.waiting = 0

    async def publish(self, topic: str, key: bytes, value: bytes) -> None:
        """Return when the record is in the log.

        Raises:
            Unacknowledged: it may be in the log, or not: Kafka did not say in time.
            Unavailable: it is not in the log and will not be: too many wait, or Kafka refused it.
        """
        if self.waiting >= self._waiting_max:
            raise Unavailable(f"{self._waiting_max} records wait for Kafka")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._producer.send(topic, key, value, lambda failure: self._settle(done, failure))
        self.waiting += 1
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        await done

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        if self._poller is not None:
            await asyncio.shield(self._poller)

    async def _poll(self) -> None:
        while self._producer.poll():  # noqa: ASYNC110 - Kafka's client has no event
            await asyncio.sleep(POLL_S)
        self._poller = None

    def _settle(self, done: "asyncio.Future[None]", failure: Unavailable | None) -> None:
        self.waiting -= 1
        if done.done():  # whoever asked has gone
            return
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)
