"""Topics: made by us, never by the broker, and known by Kafka's own id."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from twilight.ops.errors import Unavailable

REQUEST_TIMEOUT_S = 10.0
APPEAR_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as we make it: nothing in it is ever deleted, its times are the broker's (design.md 5)."""

    name: str
    partitions: int = 1
    replication: int = 1
    cleanup: str = "delete"
    message_bytes_max: int = 16 * 1024 * 1024

    def config(self) -> dict[str, str]:
        """Return the topic's configuration in Kafka's words."""
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.message_bytes_max),
        }


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """What the cluster does with old records of a topic, and how large a request of records may be."""

    cleanup_policy: str
    message_bytes_max: int


def ensure(brokers: str, specs: Sequence[TopicSpec]) -> dict[str, str]:
    """Make the topics that are missing; a topic that is there is left as it is.

    Returns:
        Topic name to Kafka's own topic id.

    Raises:
        Unavailable: the cluster does not answer.
    """
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 2})
    new = [
        NewTopic(s.name, num_partitions=s.partitions, replication_factor=s.replication, config=s.config())
        for s in specs
    ]
    for name, made in admin.create_topics(new, request_timeout=REQUEST_TIMEOUT_S).items():
        _tolerate(made, KafkaError.TOPIC_ALREADY_EXISTS, f"cannot make topic {name}")
    return topic_ids(brokers, [s.name for s in specs], admin=admin)


def topic_ids(brokers: str, names: Sequence[str], *, admin: AdminClient | None = None) -> dict[str, str]:
    """Return Kafka's ids of topics that exist; a topic just made may take a moment to be seen.

    Raises:
        Unavailable: the cluster does not answer, or a topic does not exist.
    """
    admin = admin or AdminClient({"bootstrap.servers": brokers, "log_level": 2})
    deadline = time.monotonic() + APPEAR_TIMEOUT_S
    while True:
        described = admin.describe_topics(TopicCollection(list(names)), request_timeout=REQUEST_TIMEOUT_S)
        try:
            return {name: str(future.result().topic_id) for name, future in described.items()}
        except KafkaException as error:
            if not _is(error, KafkaError.UNKNOWN_TOPIC_OR_PART) or time.monotonic() > deadline:
                raise Unavailable(f"cannot describe topics {', '.join(names)}: {error}") from error
            time.sleep(0.1)


def topic_settings(brokers: str, topic: str) -> TopicSettings:
    """Return what the cluster does with the records of a topic, whoever made it.

    Raises:
        Unavailable: the cluster does not answer, or the topic does not exist.
    """
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 2})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        config = admin.describe_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource].result()
    except KafkaException as error:
        raise Unavailable(f"cannot read the settings of topic {topic}: {error}") from error
    return TopicSettings(str(config["cleanup.policy"].value), int(config["max.message.bytes"].value))


def _tolerate(future: Future[Any], code: int, message: str) -> None:
    try:
        future.result()
    except KafkaException as error:
        if not _is(error, code):
            raise Unavailable(f"{message}: {error}") from error


def _is(error: KafkaException, code: int) -> bool:
    return bool(error.args[0].code() == code)
