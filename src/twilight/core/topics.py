"""Topics that somebody else has made are used as they are, if nothing gets lost there and everything fits."""

from collections.abc import Sequence

from twilight.core.ports import Kafka
from twilight.ops.errors import SettingsError


def refuse_compacted(kafka: Kafka, brokers: str, topics: Sequence[str]) -> None:
    """Return when nothing is ever lost from the topics.

    Raises:
        SettingsError: records with a key that comes again are lost from one (W-23); it says what to do.
    """
    for topic in topics:
        if kafka.topic_settings(brokers, topic).cleanup_policy != "delete":
            raise _unfit(topic, "cleanup.policy=delete")


def refuse_narrow(kafka: Kafka, brokers: str, topics: Sequence[str], bytes_max: int) -> None:
    """Return when the topics take all that is written to them.

    Raises:
        SettingsError: one would some day refuse a large transaction, and so end the core; it says what to do.
    """
    for topic in topics:
        if kafka.topic_settings(brokers, topic).message_bytes_max < bytes_max:
            raise _unfit(topic, f"max.message.bytes={bytes_max} or more")


def _unfit(topic: str, expected: str) -> SettingsError:
    config = expected.removesuffix(" or more")
    remedy = f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {config}"
    return SettingsError([f"{topic}: expected {expected}; set it with: {remedy}"])
