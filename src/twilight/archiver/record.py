"""One record of the log on its way into the databases: where it stands, what it says, when it happened."""

from dataclasses import dataclass
from typing import NamedTuple

from twilight.wire.events import Event
from twilight.wire.keys import EventKey

CORE = "core"


class Source(NamedTuple):
    """Where a row comes from: the first five columns of every table of events."""

    stream: str
    partition: int
    offset: int
    ordinal: int
    broker_ts: str


@dataclass(slots=True)
class Entry:
    """A record, read: an event, or the reason why it is none.

    `event_ts_ns` is set for every event, `has_own_time` tells whether it is its own (decisions S4).
    """

    source: Source
    broker_ms: int
    key_raw: bytes | None
    payload_raw: bytes | None
    payload_sha256: bytes
    key: EventKey | str
    kind: str | None = None
    event: Event | None = None
    event_ts_ns: int | None = None
    has_own_time: bool = False
    dead: tuple[str, str] | None = None
    duplicate_of: int | None = None

    def bury(self, reason: str, detail: str) -> None:
        """Make it a dead letter: it stays in the raw log and feeds nothing."""
        self.dead = (reason, detail)
        self.event = None

    @property
    def is_live(self) -> bool:
        """Return whether it feeds the tables: an event that was not sent before."""
        return self.event is not None and self.duplicate_of is None
