"""The raw log in PostgreSQL against Kafka: every record of every stream byte for byte, and nothing else.

Besides the events that are the requests, the failed requests and the state queue (decisions S8).
"""

from collections.abc import Sequence

from psycopg import sql

from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.copying import storable
from twilight.archiver.postgres.raw import NAME_CHARACTERS_MAX
from twilight.archiver.postgres.tables import Row
from twilight.archiver.postgres.values import json_text
from twilight.archiver.reading import key_columns
from twilight.archiver.record import CORE, Entry
from twilight.archiver.times import timestamp
from twilight.audit.comparing import Shape, Twin
from twilight.audit.finding import Faults

NS_PER_US = 1_000

_COLUMNS = """stream partition offset key_raw agg_id event_type event_version key_metadata payload_sha256
    payload_digest has_payload broker_ts event_ts"""
_SOURCE = """(SELECT stream, partition, "offset", key_raw, agg_id, event_type, event_version, key_metadata,
    payload_sha256, sha256(coalesce(payload_raw, '')) AS payload_digest, payload_raw IS NOT NULL AS has_payload,
    broker_ts, event_ts FROM event_log) AS l"""
_RAW = Shape(
    "event_log",
    ("stream", "partition", "offset"),
    tuple(_COLUMNS.split()),
    _SOURCE,
    f"AS SELECT * FROM {_SOURCE} WITH NO DATA",  # noqa: S608 - our own text
)
_DEAD = Shape(
    "dead_letter",
    ("stream", "partition", "offset"),
    ("stream", "partition", "offset", "reason", "detail", "key_raw", "payload_raw"),
)
_DUPLICATE = Shape(
    "event_duplicate",
    ("stream", "partition", "offset"),
    ("stream", "partition", "offset", "event_type", "first_offset"),
)


class RawLog:
    """Compares chunk by chunk; `close` demands that there is nothing beside what was compared."""

    def __init__(self, connection: Connection) -> None:
        self.faults = Faults()
        self.records = 0
        self._raw, self._dead, self._duplicates = (Twin(connection, shape) for shape in (_RAW, _DEAD, _DUPLICATE))
        self._ends: dict[str, int] = {}

    def take(self, entries: Sequence[Entry], first: int) -> None:
        """Compare the records of one stream from an offset to the last of these; what is dead is buried already."""
        stream, partition, last, _, _ = entries[-1].source
        within = sql.SQL('stream = {} AND partition = {} AND "offset" BETWEEN {} AND {}').format(
            stream, partition, first, last
        )
        self.records += len(entries)
        self._ends[stream] = last + 1
        self._raw.fill([_raw_row(entry) for entry in entries])
        self._raw.compare(self.faults, within)
        self._dead.fill([_dead_row(entry) for entry in entries if entry.dead is not None])
        self._dead.compare(self.faults, sql.SQL("resolved_at IS NULL AND ") + within)
        self._duplicates.fill([_duplicate_row(entry) for entry in entries if entry.duplicate_of is not None])
        self._duplicates.compare(self.faults, within)

    def close(self) -> None:
        """Demand that no table holds a row of another stream or partition, or beyond the last record."""
        known = sql.SQL(" OR ").join(
            [
                sql.SQL("false"),
                *(
                    sql.SQL('(stream = {} AND partition = 0 AND "offset" < {})').format(stream, end)
                    for stream, end in self._ends.items()
                ),
            ]
        )
        self._raw.compare_strangers(self.faults, known)
        self._dead.compare_strangers(self.faults, known)
        only_events = sql.SQL("stream = {} AND (").format(CORE) + known + sql.SQL(")")
        self._duplicates.compare_strangers(self.faults, only_events)


def _bytes(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"


def _raw_row(entry: Entry) -> Row:
    agg_id, kind, version, metadata = key_columns(entry)
    digest = _bytes(entry.payload_sha256)
    event_ts = entry.event_ts_ns if entry.has_own_time else None
    return (
        *entry.source[:3],
        _bytes(entry.key_raw),
        storable(agg_id),
        None if kind is None else storable(kind[:NAME_CHARACTERS_MAX]),
        storable(version[:NAME_CHARACTERS_MAX]),
        None if metadata is None else json_text(metadata),
        digest,
        digest,
        entry.payload_raw is not None,
        entry.source.broker_ts,
        None if event_ts is None else timestamp(event_ts),
    )


def _dead_row(entry: Entry) -> Row:
    reason, detail = entry.dead or ("", "")
    return (*entry.source[:3], storable(reason), storable(detail), _bytes(entry.key_raw), _bytes(entry.payload_raw))


def _duplicate_row(entry: Entry) -> Row:
    return (*entry.source[:3], storable(entry.kind or ""), entry.duplicate_of)
