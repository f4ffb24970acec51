"""Writing: one idempotent producer for single records, one transactional producer for the core's batches."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as KafkaProducer

from twilight.bus.errors import Aborted, Fenced, Unacknowledged
from twilight.ops.errors import Unavailable

Outgoing = tuple[str, bytes | None, bytes]
"""Topic, key, value."""

Told = Callable[[Unavailable | None], None]
"""Called once with what became of a record: None when it is in the log."""

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
BATCH_BYTES_MAX = MESSAGE_BYTES_MAX // 2
"""Of a transaction that is larger than one request, librdkafka's thread watches the rest without ever pausing while the
broker answers: with its own 1 MB it took half of a processor from a busy machine."""
QUEUE_MESSAGES_MAX = 1_000_000
TRANSACTION_S_MAX = 600.0
"""A tick that ends very many positions is one transaction, and takes longer to write than to commit."""
_FENCED = (
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
    KafkaError._FENCED,  # noqa: SLF001 - a public constant
)
_UNKNOWN = (
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError._MSG_TIMED_OUT,  # noqa: SLF001 - public constants
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
)


class Producer:
    """An idempotent producer: every record is acknowledged by all in-sync replicas, or reported.

    Records are counted against their acknowledgements, so a `flush` that returns means all of them are in the log.
    """

    def __init__(self, brokers: str, *, linger_ms: int = 0, delivery_timeout_ms: int = 30_000) -> None:
        self._kafka = KafkaProducer(
            {
                "bootstrap.servers": brokers,
                "enable.idempotence": True,
                "linger.ms": linger_ms,
                "delivery.timeout.ms": delivery_timeout_ms,
                **_LIMITS,
            },
        )
        self._failed: KafkaError | None = None

    def send(self, topic: str, key: bytes | None, value: bytes, told: Told | None = None) -> None:
        """Hand a record over; it is in the log when a later `flush` returns.

        With `told`, the record's own fate is told there, from within a later `poll`, and not by `flush`.

        Raises:
            Unavailable: the queue to the broker is full, or the client refuses the record: no such topic, too large.
        """
        try:
            delivered = self._delivered if told is None else partial(_tell, told)
            self._kafka.produce(topic, value, key, on_delivery=delivered)
        except BufferError as error:
            raise Unavailable("Kafka is behind: the queue to the broker is full") from error
        except KafkaException as error:
            raise Unavailable(f"Kafka does not take a record: {error}") from error
        self._kafka.poll(0)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        self._failed = self._failed or error

    def flush(self, timeout_s: float) -> None:
        """Return when every record sent so far is acknowledged.

        Raises:
            Unavailable: one was refused, or the time is over.
        """
        waiting = self._kafka.flush(timeout_s)
        failed, self._failed = self._failed, None
        if failed is not None:
            raise _failure(failed)
        if waiting:
            raise Unavailable(f"Kafka did not acknowledge {waiting} records within {timeout_s} s")

    def poll(self) -> int:
        """Take in the acknowledgements that have come, without waiting; return how many are still missing."""
        self._kafka.poll(0)
        return len(self._kafka)

    def pending(self) -> int:
        """Return how many records wait for their acknowledgement."""
        return len(self._kafka)


class TransactionalProducer:
    """The one writer of a log: a batch is one transaction, a second writer fences the first (decisions C2, C3)."""

    def __init__(
        self, brokers: str, transactional_id: str, *, timeout_s: float = 30.0, rust_readers: bool = False
    ) -> None:
        self._timeout_s = timeout_s
        self._kafka = KafkaProducer(
            {
                "bootstrap.servers": brokers,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": int(max(timeout_s, TRANSACTION_S_MAX) * 1000),
                "delivery.timeout.ms": int(timeout_s * 1000),
                "linger.ms": 0,
                "batch.size": BATCH_BYTES_MAX,
                **_LIMITS,
                **(_FOR_RUST_READERS if rust_readers else {}),
            },
        )

    def init(self, timeout_s: float | None = None) -> None:
        """Take over the transactional id: any older writer is fenced, its open transaction is rolled back.

        Raises:
            Unavailable: the cluster does not answer.
        """
        deadline = time.monotonic() + (timeout_s or self._timeout_s)
        while True:
            try:
                self._kafka.init_transactions(max(0.1, deadline - time.monotonic()))
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() >= deadline:
                    raise Unavailable(f"cannot start transactions: {error}") from error
            else:
                return

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        """Write all records in one transaction and return the offset of each topic's last one.

        Only that record is asked after: to hear of every one of them costs as much as to write it.

        Raises:
            Fenced: another writer has taken over.
            Aborted: the transaction did not commit, or it is not known whether it did.
        """
        offsets: dict[str, int] = {}
        newest: dict[str, Outgoing] = {}
        try:
            self._kafka.begin_transaction()
            for record in records:
                if (before := newest.get(record[0])) is not None:
                    self._produce(before)
                newest[record[0]] = record
            for record in newest.values():
                self._produce(record, partial(_note_offset, offsets))
            self._commit()
        except KafkaException as error:
            raise _outcome(error) from error
        return offsets

    def _produce(self, record: Outgoing, delivered: Any = None) -> None:  # noqa: ANN401 - a callback
        topic, key, value = record
        while True:
            try:
                self._kafka.produce(topic, value, key, on_delivery=delivered)
            except BufferError:
                self._kafka.poll(0.05)
            else:
                return

    def _commit(self) -> None:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                self._kafka.commit_transaction(max(0.1, deadline - time.monotonic()))
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() >= deadline:
                    raise
            else:
                return


_LIMITS: dict[str, Any] = {
    "acks": "all",
    "message.max.bytes": MESSAGE_BYTES_MAX,
    "queue.buffering.max.messages": QUEUE_MESSAGES_MAX,
    "queue.buffering.max.kbytes": 512 * 1024,
    "reconnect.backoff.max.ms": 1_000,
    "log_level": 2,
}


RUST_BATCH_BYTES_MAX = 31 * 1024
"""Less than what the reference's client fetches at most; a larger batch jams it for ever (decisions F1)."""
_FOR_RUST_READERS: dict[str, Any] = {"batch.size": RUST_BATCH_BYTES_MAX, "compression.type": "none"}


def _tell(told: Told, error: KafkaError | None, _message: Message) -> None:
    told(None if error is None else _failure(error))


def _failure(error: KafkaError) -> Unavailable:
    if error.code() in _UNKNOWN:
        return Unacknowledged(f"Kafka did not acknowledge a record in time: {error.str()}")
    return Unavailable(f"Kafka did not take a record: {error.str()}")


def _note_offset(offsets: dict[str, int], error: KafkaError | None, message: Message) -> None:
    topic, offset = message.topic(), message.offset()
    if error is None and topic is not None and offset is not None:
        offsets[topic] = offset


def _outcome(error: KafkaException) -> Fenced | Aborted:
    cause = error.args[0]
    if cause.code() in _FENCED:
        return Fenced(f"another process writes under this transactional id: {cause.str()}")
    return Aborted(f"the transaction did not commit: {cause.str()}")
