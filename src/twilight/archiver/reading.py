"""Records into entries: decode, time, find duplicates. Deterministic: the same log gives the same entries.

A record that cannot be read becomes an entry with a reason (wire specification 3.5); reading never stops.
"""

import hashlib
from collections import OrderedDict
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

# Kinds without a time or a sequence: two equal ones are two facts (decisions S3).
_REPEATABLE = frozenset({"PositionSizeLogDBUpdate", "RiskEngineUpdate", "RiskParamsUpdate", "Stop"})


def content_digest(key: bytes | None, payload_sha256: bytes) -> bytes:
    """Return what two records with equal key and value share."""
    return hashlib.sha256((key or b"") + payload_sha256).digest()


class Duplicates:
    """The last records by content, to find what a producer has sent twice (decisions S3)."""

    def __init__(self, size: int = DUPLICATE_WINDOW) -> None:
        self._size = size
        self._offsets: OrderedDict[bytes, int] = OrderedDict()

    def first_offset(self, digest: bytes, offset: int) -> int | None:
        """Return the earlier offset of the same content within the window, and remember this one."""
        first = self._offsets.setdefault(digest, offset)
        if first != offset:
            return first
        if len(self._offsets) > self._size:
            self._offsets.popitem(last=False)
        return None


class Reader:
    """Turns records of one stream into entries, in offset order.

    Args:
        stream: the configured name of the topic's incarnation; only `core` holds events.
        newest_event_ns: the newest event time before the first record (decisions S4).
    """

    def __init__(self, stream: str, duplicates: Duplicates, newest_event_ns: int | None = None) -> None:
        self._stream = stream
        self._duplicates = duplicates
        self._newest_event_ns = newest_event_ns

    def entries(self, records: Iterable[Record]) -> list[Entry]:
        """Return one entry for each record."""
        return [self._entry(record) for record in records]

    def _entry(self, record: Record) -> Entry:
        broker_ns = record.timestamp_ms * NS_PER_MS
        source = Source(self._stream, record.partition, record.offset, 0, timestamp(broker_ns))
        sha256 = hashlib.sha256(record.value or b"").digest()
        entry = Entry(source, record.key, record.value, sha256, decode_key(record.key), None, None, None)
        if self._stream == CORE:
            self._read_event(entry, record)
        return entry

    def _read_event(self, entry: Entry, record: Record) -> None:
        try:
            event = decode_event(record.value, record.timestamp_ms)
            entry.kind = kind_of(event)
            own_ns = event_time_ns(event)
        except Quarantine as refusal:
            entry.dead = (refusal.reason, refusal.detail)
            return
        except ValueError as error:
            entry.dead = (errors.WRONG_TYPE, str(error))
            return
        entry.event = event
        self._place(entry, own_ns, record)

    def _place(self, entry: Entry, own_ns: int | None, record: Record) -> None:
        """Give the entry its time; a duplicate keeps its place in the raw log but feeds nothing."""
        digest = content_digest(record.key, entry.payload_sha256)
        if entry.kind not in _REPEATABLE:
            entry.duplicate_of = self._duplicates.first_offset(digest, record.offset)
        if own_ns is not None and entry.duplicate_of is None:
            self._newest_event_ns = max(own_ns, self._newest_event_ns or own_ns)
        timeless = self._newest_event_ns or record.timestamp_ms * NS_PER_MS
        entry.event_ts_ns = own_ns if own_ns is not None else timeless


def key_columns(key: EventKey | str, kind: str | None) -> tuple[str, str | None, str, dict[str, str] | None]:
    """Return agg_id, event type, version and metadata of a key; a bare key is the seed era's (3.2 step 4)."""
    if isinstance(key, EventKey):
        return key.agg_id, kind or key.event_type, key.event_version, key.metadata
    return key, kind, "v0.0.0", None
