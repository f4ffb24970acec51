"""One record of the log on its way into the databases: where it stands, what it says, when it happened."""

from dataclasses import dataclass
from typing import NamedTuple

from twilight.wire.events import Event
from twilight.wire.keys import EventKey

CORE = "core"
UNPLACEABLE = "UNPLACEABLE"
INTEGER_OVERFLOW = "INTEGER_OVERFLOW"
UNSTORABLE = "UNSTORABLE"
REFUSED_AFTER_READING = (UNPLACEABLE, INTEGER_OVERFLOW, UNSTORABLE)
"""Reasons of dead letters that could be read: their values have no column, or the database refused them."""


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

    `event_ts_ns` is set for every event, `has_own_time` tells whether it is its own (decisions S4): a time far ahead of
    the broker's is not believed, and that of the broker stands in (docs/decisions/archiver-times.md);
    `newest_event_ns` is the newest event time up to and including this record.
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
    newest_event_ns: int | None = None
    dead: tuple[str, str] | None = None
    duplicate_of: int | None = None

    def bury(self, reason: str, detail: str) -> None:
        """Make it a dead letter: it stays in the raw log, without a time of its own, and feeds nothing."""
        self.dead = (reason, detail)
        self.event = self.event_ts_ns = None
        self.has_own_time = False

    @property
    def is_live(self) -> bool:
        """Return whether it feeds the tables: an event that was not sent before."""
        return self.event is not None and self.duplicate_of is None
