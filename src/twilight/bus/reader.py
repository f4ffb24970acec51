"""Reading one partition from a position that the caller keeps (design.md 2, rule 5)."""

import time
from types import TracebackType
from typing import Literal, Self

import msgspec
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from prometheus_client import Counter

from twilight.bus.records import Record
from twilight.ops.errors import Corrupt, Unavailable
from twilight.ops.logs import get

PASSING_ERRORS = Counter("twilight_bus_read_errors_total", "Errors from which the reader goes on by itself.", ["code"])

_log = get(__name__)

REQUEST_TIMEOUT_S = 10.0
RETRY_S = 0.1
QUEUE_KIB_MAX = 64 * 1024
FETCH_WAIT_MS = 10
STATISTICS_MS = 2_000

Start = int | Literal["earliest", "end"]


class _Broker(msgspec.Struct):
    state: str
    source: str


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker]


_STATISTICS = msgspec.json.Decoder(_Statistics)


class LogReader:
    """A reader of one partition, without group membership; its position is in the caller's hands.

    With `read_committed` records of aborted or open transactions are never seen. Transaction markers take offsets,
    so gaps are normal (decisions C9) and the log's end is where `position()` has come to `end_offset()` (E3).
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        *,
        start: Start,
        partition: int = 0,
        read_committed: bool = True,
        group: str = "twilight-reader",
    ) -> None:
        self._partition = TopicPartition(topic, partition)
        self.is_away = False
        """Whether no broker is connected, as `read` last learned: the client goes on by itself, and says nothing."""
        config = _config(brokers, group, read_committed=read_committed)
        self._consumer = Consumer({**config, "statistics.interval.ms": STATISTICS_MS, "stats_cb": self._note})
        self._consumer.assign([TopicPartition(topic, partition, self._first(start))])

    def _first(self, start: Start) -> int:
        """Return the offset to start at; a bound is asked for once, so that it cannot drift.

        Left to itself the consumer takes half a second to find the beginning.
        """
        if isinstance(start, int):
            return start
        return self.start_offset() if start == "earliest" else self.end_offset()

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return what is there, waiting up to the time limit for a first record.

        Raises:
            Unavailable: the broker refuses this reader.
            Corrupt: the position lies outside of the log: the topic was cut or made anew.
        """
        messages = self._consumer.consume(max_records, timeout_s)
        return [_record(message) for message in messages if not _is_passing(message)]

    def _note(self, statistics: str) -> None:
        brokers = _STATISTICS.decode(statistics).brokers.values()
        self.is_away = not any(one.state == "UP" for one in brokers if one.source != "logical")

    def position(self) -> int:
        """Return the offset of the next record to read; -1001 before the first read."""
        return int(self._consumer.position([self._partition])[0].offset)

    def at_end(self) -> bool:
        """Return whether everything that is stable now was read."""
        return self.position() >= self.end_offset()

    def end_offset(self) -> int:
        """Return the last stable offset: one past the newest record that a read-committed reader may see.

        Raises:
            Unavailable: the cluster does not answer.
        """
        return self._bounds()[1]

    def start_offset(self) -> int:
        """Return the offset of the oldest record that is kept.

        Raises:
            Unavailable: the cluster does not answer.
        """
        return self._bounds()[0]

    def _bounds(self) -> tuple[int, int]:
        """Ask for the log's first offset and its last stable one; a leader that is just being chosen is waited for.

        The consumer is asked, not an `AdminClient`: it knows the leader from its own fetching, where an idle admin
        client has stood still for 3 s to look for it, in the middle of a take-over.
        """
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
        while True:
            try:
                first, end = self._consumer.get_watermark_offsets(self._partition, timeout=REQUEST_TIMEOUT_S)
            except KafkaException as error:
                if time.monotonic() > deadline:
                    where = f"{self._partition.topic}/{self._partition.partition}"
                    raise Unavailable(f"cannot ask for the bounds of {where}: {error}") from error
                time.sleep(RETRY_S)
            else:
                return first, end

    def seek(self, offset: int) -> None:
        """Go on reading at this offset."""
        self._consumer.assign([TopicPartition(self._partition.topic, self._partition.partition, offset)])

    def commit(self, offset: int) -> None:
        """Store the offset as the group's hint, in the background (design.md 2, rule 5)."""
        at = TopicPartition(self._partition.topic, self._partition.partition, offset)
        self._consumer.commit(offsets=[at], asynchronous=True)

    def committed(self) -> int | None:
        """Return the group's stored offset, or None.

        Raises:
            Unavailable: the cluster does not answer.
        """
        try:
            offset = self._consumer.committed([self._partition], timeout=REQUEST_TIMEOUT_S)[0].offset
        except KafkaException as error:
            raise Unavailable(f"cannot read the group's position: {error}") from error
        return int(offset) if offset >= 0 else None

    def close(self) -> None:
        """Leave the cluster."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _config(brokers: str, group: str, *, read_committed: bool) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": brokers,
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed" if read_committed else "read_uncommitted",
        "fetch.wait.max.ms": FETCH_WAIT_MS,
        "fetch.message.max.bytes": 16 * 1024 * 1024,
        "queued.max.messages.kbytes": QUEUE_KIB_MAX,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,
    }


def _is_passing(message: Message) -> bool:
    """Return whether the message is no record but news that passes, noted here; raise what does not pass.

    The client goes on by itself after whatever it does not call fatal: a broker that is away, and what we have not met.
    """
    error = message.error()
    if error is None:
        return False
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001 - public constants
        raise Corrupt(f"position outside of {message.topic()}: {error.str()}")
    if error.fatal() or error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # noqa: SLF001
        raise Unavailable(f"cannot read {message.topic()}: {error.str()}")
    PASSING_ERRORS.labels(error.name()).inc()
    _log.warning("kafka reader", topic=message.topic(), code=error.name(), reason=error.str())
    return True


def _record(message: Message) -> Record:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise Corrupt("a record without topic, partition or offset")
    return Record(topic, partition, offset, message.timestamp()[1], message.key(), message.value())
