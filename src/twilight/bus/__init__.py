"""Kafka: topics, transactional and plain producers, readers that keep their own position.

Nothing here knows what a record means.
"""

from twilight.bus.errors import Aborted, Fenced, Unacknowledged
from twilight.bus.producer import MESSAGE_BYTES_MAX, RUST_BATCH_BYTES_MAX, Outgoing, Producer, TransactionalProducer
from twilight.bus.reader import LogReader
from twilight.bus.records import Record
from twilight.bus.topics import TopicSpec, ensure

__all__ = [
    "MESSAGE_BYTES_MAX",
    "RUST_BATCH_BYTES_MAX",
    "Aborted",
    "Fenced",
    "LogReader",
    "Outgoing",
    "Producer",
    "Record",
    "TopicSpec",
    "TransactionalProducer",
    "Unacknowledged",
    "ensure",
]
