"""The order queues: where commands come from, and how far each queue has been consumed (decisions C5)."""

import re
from dataclasses import dataclass, field

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
    names = [queue.name for queue in queues]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"expected one queue of each name, found several called {', '.join(doubled)}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a command stood: what the key metadata of every event that it causes says."""

    queue: str
    topic_id: str
    offset: int
    request_id: str

    def metadata(self) -> dict[str, str | None]:
        """Return the members that go into the key."""
        return {
            "offset": str(self.offset),
            "queue": self.queue,
            "request_id": self.request_id,
            "topic_id": self.topic_id,
        }


@dataclass(slots=True)
class Positions:
    """The offset of the last command that is in the log, for each queue, with the topic's own id."""

    by_queue: dict[str, tuple[str, int]] = field(default_factory=dict)

    def advance(self, queue: str, topic_id: str, offset: int) -> None:
        """Note that the command at ``offset`` has its answer in the log."""
        self.by_queue[queue] = (topic_id, offset)

    def next_offset(self, queue: str) -> int | None:
        """Return where to go on reading, ``None`` if the queue was never read."""
        known = self.by_queue.get(queue)
        return None if known is None else known[1] + 1

    def foreign(self, queue: str, topic_id: str) -> str | None:
        """Return the topic id that the log knows when it is not ``topic_id``: the topic was made anew."""
        known = self.by_queue.get(queue)
        return None if known is None or known[0] == topic_id else known[0]
