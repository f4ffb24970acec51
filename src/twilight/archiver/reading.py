"""Records into entries: decode, time, find duplicates. Deterministic: the same log gives the same entries.

A record that cannot be read becomes an entry with a reason (wire specification 3.5); reading never stops.
"""

import hashlib
import re
from collections import deque
from collections.abc import Iterable

from twilight.archiver.event_time import event_time_ns
from twilight.archiver.record import CORE, Entry, Source
from twilight.archiver.times import timestamp
from twilight.bus import Record
from twilight.wire import errors
from twilight.wire.errors import Quarantine
from twilight.wire.events import decode_event, kind_of
from twilight.wire.keys import EventKey, decode_key

NS_PER_MS = 1_000_000
DUPLICATE_WINDOW = 100_000
AHEAD_MAX_NS = 3_600_000_000_000
"""How far an event's own time may be ahead of the broker's: an hour, as with Kafka. Beyond, the broker's counts."""

# Kinds without a time or a sequence: two equal ones are two facts (decisions S3).
_REPEATABLE = frozenset({"PositionSizeLogDBUpdate", "RiskEngineUpdate", "RiskParamsUpdate", "Stop"})
TIMELESS_SORTED_SET = b'{"SortedSetDBUpdate":{'


_MEMBER = re.compile(rb'\s*\{\s*"(\w{1,64})"\s*:', re.ASCII)


def content_digest(key: bytes | None, payload_sha256: bytes) -> bytes:
    """Return what two records with equal key and value share, and no others."""
    return (key or b"") + payload_sha256


class Duplicates:
    """The contents of the last 100,000 offsets, to find what a producer has sent twice (decisions S3).

    Every copy is remembered until it leaves the window, so what is found does not depend on where reading began.
    """

    def __init__(self, window: int = DUPLICATE_WINDOW) -> None:
        self._window = window
        self._first: dict[bytes, int] = {}
        self._copies: dict[bytes, deque[int]] = {}  # those after the first, of the few contents that have any
        self._order: deque[tuple[int, bytes]] = deque()

    def first_offset(self, digest: bytes, offset: int) -> int | None:
        """Remember the content; return the earliest offset within the window that has it too, None if none does."""
        while self._order and self._order[0][0] < offset - self._window:
            self._forget(self._order.popleft()[1])
        first = self._first.setdefault(digest, offset)
        self._order.append((offset, digest))
        if first == offset:
            return None
        self._copies.setdefault(digest, deque()).append(offset)
        return first

    def _forget(self, digest: bytes) -> None:
        copies = self._copies.get(digest)
        if not copies:
            self._first.pop(digest, None)
            return
        self._first[digest] = copies.popleft()
        if not copies:
            del self._copies[digest]


class Reader:
    """Turns records of one stream into entries, in offset order.

    Args:
        stream: the configured name of the topic's incarnation; only `core` holds events.
        duplicates: the contents before the first record.
        newest_event_ns: the newest event time before the first record (decisions S4).
    """

    def __init__(self, stream: str, duplicates: Duplicates, newest_event_ns: int | None = None) -> None:
        self._stream = stream
        self._duplicates = duplicates
        self.newest_event_ns = newest_event_ns

    def entries(self, records: Iterable[Record]) -> list[Entry]:
        """Return one entry for each record."""
        return [self._entry(record) for record in records]

    def remember(self, record: Record) -> None:
        """Take a record from before the first one, for the search of duplicates alone."""
        self._entry(record)

    def _entry(self, record: Record) -> Entry:
        _, partition, offset, broker_ms, key, value = record
        source = Source(self._stream, partition, offset, 0, timestamp(broker_ms * NS_PER_MS))
        sha256 = hashlib.sha256(value or b"").digest()
        entry = Entry(source, broker_ms, key, value, sha256, decode_key(key))
        if self._stream == CORE:
            self._read_event(entry)
            entry.newest_event_ns = self.newest_event_ns
        return entry

    def _read_event(self, entry: Entry) -> None:
        try:
            event = decode_event(entry.payload_raw, entry.broker_ms)
            entry.kind = kind_of(event)
            own_ns = event_time_ns(event, is_seed_era=isinstance(entry.key, str))
        except Quarantine as refusal:
            self._bury(entry, refusal.reason, refusal.detail)
            return
        except ValueError as error:
            self._bury(entry, errors.WRONG_TYPE, str(error))
            return
        entry.event = event
        self._place(entry, own_ns)

    def _bury(self, entry: Entry, reason: str, detail: str) -> None:
        """Make it a dead letter; with a seed-era key the value's member tells what it was to be (3.2 step 4)."""
        entry.bury(reason, detail)
        told = _MEMBER.match(entry.payload_raw or b"") if isinstance(entry.key, str) else None
        if told is not None:
            entry.kind = told[1].decode()

    def _place(self, entry: Entry, own_ns: int | None) -> None:
        """Give the entry its time; a duplicate keeps its place in the raw log but feeds nothing."""
        if not is_repeatable(entry):
            digest = content_digest(entry.key_raw, entry.payload_sha256)
            entry.duplicate_of = self._duplicates.first_offset(digest, entry.source.offset)
        newest, broker_ns = self.newest_event_ns, entry.broker_ms * NS_PER_MS
        if own_ns is not None and own_ns > broker_ns + AHEAD_MAX_NS:
            entry.event_ts_ns = broker_ns
        elif own_ns is not None:
            entry.event_ts_ns, entry.has_own_time = own_ns, True
            if entry.duplicate_of is None and (newest is None or own_ns > newest):
                self.newest_event_ns = own_ns
        else:
            entry.event_ts_ns = newest if newest is not None else broker_ns


def is_repeatable(entry: Entry) -> bool:
    """Return whether two equal records of this kind are two facts: it carries no time and no sequence."""
    if entry.kind in _REPEATABLE:
        return True
    value = entry.payload_raw
    return entry.kind == "SortedSetDBUpdate" and value is not None and value.startswith(TIMELESS_SORTED_SET)


def key_columns(entry: Entry) -> tuple[str, str | None, str, dict[str, str] | None]:
    """Return agg_id, event type, version and metadata of a key; a bare key is the seed era's (3.2 step 4)."""
    key = entry.key
    if isinstance(key, EventKey):
        return key.agg_id, entry.kind or key.event_type, key.event_version, key.metadata
    return key, entry.kind, "v0.0.0", None
