"""What the core asks of the world, and nothing else of it: Kafka, threads, names.

The process uses `real_world()`. The simulation in `tests/simulation` puts a world of its own in its place, with
virtual time and a log that fails on purpose, and runs the same core in it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twilight.bus import LogReader, Outgoing, Record, TopicSpec, TransactionalProducer, ensure
from twilight.bus.topics import TopicSettings, topic_ids, topic_settings
from twilight.core.chain import ChainPort, attach
from twilight.core.clock import Clock
from twilight.core.durability.aside import Done, Forked, Job, Work
from twilight.core.ids import Uuids
from twilight.core.leader import Leadership
from twilight.core.publisher import BackgroundPublisher, Publisher, in_thread
from twilight.domain.model.chain import PayloadCodec


class Reader(Protocol):
    """Reads one topic; as `bus.LogReader`."""

    @property
    def is_away(self) -> bool:
        """Whether its cluster does not answer, so that nothing is read until it does."""

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return what is there."""

    def position(self) -> int:
        """Return the offset of the next record."""

    def end_offset(self) -> int:
        """Return the last stable offset."""

    def close(self) -> None:
        """Stop reading."""


class Writer(Protocol):
    """Writes batches as transactions; as `bus.TransactionalProducer`."""

    def init(self, timeout_s: float | None = None) -> None:
        """Fence whoever wrote before."""

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        """Write all records or none, and return the offset of each topic's last one."""


class Membership(Protocol):
    """Says whether this core leads; as `core.leader.Leadership`."""

    @property
    def lost(self) -> bool:
        """Whether this core led, or took part, and does not any more."""

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Return whether this core leads."""

    def close(self) -> None:
        """Stop taking part."""


class Kafka(Protocol):
    """Every way in which the core meets a cluster."""

    def ensure(self, brokers: str, names: Sequence[str]) -> dict[str, str]:
        """Make the topics that are missing; return the ids of all."""

    def topic_ids(self, brokers: str, names: Sequence[str]) -> dict[str, str]:
        """Return the ids of topics that exist."""

    def topic_settings(self, brokers: str, topic: str) -> TopicSettings:
        """Return what the cluster does with the records of a topic."""

    def reader(self, brokers: str, topic: str, start: int | None) -> Reader:
        """Return a reader that begins at the offset, None for the oldest record."""

    def writer(self, brokers: str, transactional_id: str, timeout_s: float) -> Writer:
        """Return the writer of that name."""

    def membership(self, brokers: str, instance: str, topic: str) -> Membership:
        """Take part in the election of the leader."""


class RealKafka:
    """Kafka by the bus; with ``rust_readers`` in batches that the reference's services can read (decisions F1)."""

    def __init__(self, *, rust_readers: bool = False) -> None:
        self._rust_readers = rust_readers

    def ensure(self, brokers: str, names: Sequence[str]) -> dict[str, str]:
        """Make the topics that are missing; return the ids of all."""
        return ensure(brokers, [TopicSpec(name) for name in names])

    def topic_ids(self, brokers: str, names: Sequence[str]) -> dict[str, str]:
        """Return the ids of topics that exist."""
        return topic_ids(brokers, names)

    def topic_settings(self, brokers: str, topic: str) -> TopicSettings:
        """Return what the cluster does with the records of a topic."""
        return topic_settings(brokers, topic)

    def reader(self, brokers: str, topic: str, start: int | None) -> Reader:
        """Return a reader that begins at the offset, None for the oldest record."""
        return LogReader(brokers, topic, start="earliest" if start is None else start)

    def writer(self, brokers: str, transactional_id: str, timeout_s: float) -> Writer:
        """Return the writer of that name."""
        return TransactionalProducer(brokers, transactional_id, timeout_s=timeout_s, rust_readers=self._rust_readers)

    def membership(self, brokers: str, instance: str, topic: str) -> Membership:
        """Take part in the election of the leader."""
        return Leadership(brokers, instance=instance, topic=topic)


@dataclass(frozen=True, slots=True)
class World:
    """Where a core lives."""

    kafka: Kafka
    in_background: Callable[[str, Callable[[], None]], None]
    """Runs the second beside everything else, under the name that is the first."""
    new_uuid: Callable[[], str]
    publisher: Callable[[Writer, str, int], Publisher] = BackgroundPublisher
    """Makes what writes batches down with a writer, to the topic of events, after the event at the offset."""
    aside: Callable[[Work], Job] = Done
    """Does work on a copy of the state as it is now."""
    attach: Callable[[str, PayloadCodec, Clock], ChainPort] = attach
    """Makes the connection to the chain at the address."""


def real_world(*, rust_readers: bool = False) -> World:
    """Return the world of a process."""
    return World(RealKafka(rust_readers=rust_readers), in_thread, Uuids(), aside=Forked)
