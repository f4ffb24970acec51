"""The order queues: where commands come from, and where to go on reading each (decisions C5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from twilight.ops.errors import SettingsError

_ENTRY = re.compile(r"\s*(?P<name>[\w.-]+)@(?P<brokers>[^/@\s]+)/(?P<topic>[\w.-]+)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """One topic that holds commands; ``name`` stands in the events' metadata and must never change."""

    name: str
    brokers: str
    topic: str


def parse_queues(text: str) -> tuple[QueueSpec, ...]:
    """Read ``name@host:port[,host:port]/topic,...``; raises ``ValueError`` that names the faulty entry."""
    queues: list[QueueSpec] = []
    place = 0
    while place < len(text.rstrip()):
        entry = _ENTRY.match(text, place)
        if entry is None:
            raise ValueError(f"expected name@brokers/topic[,...], found {text[place:]!r}")
        queues.append(QueueSpec(**entry.groupdict()))
        place = entry.end()
    _refuse_doubles(queues)
    return tuple(queues)


def _refuse_doubles(queues: list[QueueSpec]) -> None:
    if names := _doubled([queue.name for queue in queues]):
        raise ValueError(f"expected one queue of each name, found several called {names}")
    if topics := _doubled([f"{queue.brokers}/{queue.topic}" for queue in queues]):
        # whatever has no request id would be executed by each
        raise ValueError(f"expected one queue of each topic, found several of {topics}")


def _doubled(texts: list[str]) -> str:
    return ", ".join(sorted({text for text in texts if texts.count(text) > 1}))


def start_of(
    queue: str, topic_id: str, positions: Mapping[str, tuple[str, int]], named_starts: Mapping[str, int]
) -> int | None:
    """Return the offset at which to read on, None for a queue that was never read: from its start.

    ``positions`` is what the log says: topic id and offset of each queue's last command. It knows the topic
    by Kafka's own id. A topic that was deleted and made anew has other commands at the same offsets, so it
    is read only from where the operator says (decisions C5); raises `SettingsError` until he does.
    """
    known = positions.get(queue)
    if known is None:
        if queue not in named_starts:
            _refuse_renamed(queue, topic_id, positions)
        return named_starts.get(queue)
    known_id, offset = known
    if known_id == topic_id:
        return offset + 1
    if queue in named_starts:
        return named_starts[queue]
    fault = (
        f"ORDER_QUEUE_START: the topic of queue {queue} was made anew (its id was {known_id}, is {topic_id}); "
        f"name the offset to read from: {queue}=<offset>"
    )
    raise SettingsError([fault])


def _refuse_renamed(queue: str, topic_id: str, positions: Mapping[str, tuple[str, int]]) -> None:
    """Refuse a topic that was read under another name: from its start, all its deposits would be made once more."""
    for former, (known_id, offset) in positions.items():
        if known_id == topic_id:
            fault = (
                f"ORDER_QUEUES: the topic of queue {queue} was read as {former} up to offset {offset}; "
                f"call it {former}, or name the offset to read from: ORDER_QUEUE_START={queue}=<offset>"
            )
            raise SettingsError([fault])
