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
    """A record, read: an event, or the reason why it is none."""

    source: Source
    key_raw: bytes | None
    payload_raw: bytes | None
    payload_sha256: bytes
    key: EventKey | str
    kind: str | None
    event: Event | None
    event_ts_ns: int | None
    dead: tuple[str, str] | None = None
    duplicate_of: int | None = None
