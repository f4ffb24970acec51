"""Writes to Kafka that the event loop can wait for: what arrives together is acknowledged together."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from twilight.ops.errors import Unavailable

ACK_TIMEOUT_S = 1.0
WAITING_MAX = 10_000
POLL_S = 0.001

Outgoing = tuple[str, bytes, bytes]  # topic, key, value


class Producer(Protocol):
    """The part of ``bus.producer.Producer`` that is needed here."""

    def send(self, topic: str, key: bytes | None, value: bytes) -> None:
        """Hand a record over."""

    def poll(self) -> int:
        """Take in acknowledgements; return how many are missing."""

    def flush(self, timeout_s: float) -> None:
        """Raise when a record was refused or is not acknowledged in time."""


class AckQueue:
    """Records on their way to Kafka.

    One round at a time takes all that waits, sends it, and waits for the broker's acknowledgement, so a
    burst costs one round trip and a lone record no delay. When the broker does not acknowledge in time
    everyone of that round is told so. The event loop itself asks for the acknowledgements: a thread that
    waited for them would have to win the interpreter back from a busy loop for each one.
    """

    def __init__(
        self, producer: Producer, *, ack_timeout_s: float = ACK_TIMEOUT_S, waiting_max: int = WAITING_MAX
    ) -> None:
        self._producer = producer
        self._ack_timeout_s = ack_timeout_s
        self._waiting_max = waiting_max
        self._waiting: list[tuple[Outgoing, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self.observe: Callable[[int], None] = lambda _size: None

    async def publish(self, topic: str, key: bytes, value: bytes) -> None:
        """Return when the record is in the log.

        Raises:
            Unavailable: the queue is full, or Kafka did not acknowledge in time.
        """
        if len(self._waiting) >= self._waiting_max:
            raise Unavailable(f"{self._waiting_max} records wait for Kafka")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(((topic, key, value), done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await done

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        if self._writer is not None:
            await asyncio.shield(self._writer)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            self.observe(len(batch))
            failure: Unavailable | None = None
            try:
                await self._send([record for record, _ in batch])
            except Unavailable as error:
                failure = error
            for _, done in batch:
                _settle(done, failure)
        self._writer = None

    async def _send(self, records: list[Outgoing]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._ack_timeout_s
        for topic, key, value in records:
            self._producer.send(topic, key, value)
        while self._producer.poll() and loop.time() < deadline:  # noqa: ASYNC110 - Kafka's client has no event
            await asyncio.sleep(POLL_S)
        self._producer.flush(0)


def _settle(done: asyncio.Future[None], failure: Unavailable | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)
