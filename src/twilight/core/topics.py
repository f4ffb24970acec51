"""Topics that somebody else has made are used as they are, if nothing gets lost there and everything fits."""

from twilight.bus.topics import TopicSettings
from twilight.ops.errors import SettingsError


def refuse_compacted(topic: str, found: TopicSettings) -> None:
    """Return when nothing is ever lost from the topic.

    Raises:
        SettingsError: records with a key that comes again are lost from it (W-23); it says what to do.
    """
    if found.cleanup_policy != "delete":
        raise _unfit(topic, "cleanup.policy=delete")


def refuse_narrow(topic: str, found: TopicSettings, bytes_max: int) -> None:
    """Return when the topic takes all that is written to it.

    Raises:
        SettingsError: it would some day refuse a large transaction, and so end the core; it says what to do.
    """
    if found.message_bytes_max < bytes_max:
        raise _unfit(topic, f"max.message.bytes={bytes_max} or more")


def _unfit(topic: str, expected: str) -> SettingsError:
    config = expected.removesuffix(" or more")
    remedy = f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {config}"
    return SettingsError([f"{topic}: expected {expected}; set it with: {remedy}"])
