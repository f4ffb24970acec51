"""The raw log, dead letters and duplicates: every record byte for byte, before anything else (storage 4)."""

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache

from twilight.archiver.postgres.copying import (
    EPOCH_2000_US,
    Copy,
    binary_bytes,
    binary_copy,
    binary_int4,
    binary_int8,
    binary_json,
    binary_text,
    binary_timestamp,
)
from twilight.archiver.reading import key_columns
from twilight.archiver.record import Entry

NAME_CHARACTERS_MAX = 200  # of what is indexed; the whole text stands in key_raw
RAW = """stream partition "offset" key_raw agg_id event_type event_version key_metadata payload_raw payload_sha256
    broker_ts event_ts""".split()
DEAD = 'stream partition "offset" reason detail key_raw payload_raw'.split()
DUPLICATE = 'stream partition "offset" event_type first_offset'.split()


def raw_copy(entries: Sequence[Entry]) -> Copy:
    """Return the COPY of the records byte for byte."""
    return binary_copy("event_log", RAW, map(_raw_row, entries))


def found_copies(entries: Sequence[Entry]) -> Iterator[Copy]:
    """Yield what tells which of the records are dead, and which were sent before."""
    dead = [_dead_row(entry) for entry in entries if entry.dead is not None]
    if dead:
        yield binary_copy("dead_letter", DEAD, dead)
    found = [_duplicate_row(entry) for entry in entries if entry.duplicate_of is not None]
    if found:
        yield binary_copy("event_duplicate", DUPLICATE, found)


def _fields(count: int) -> bytes:
    return count.to_bytes(2, "big")


_hash_and_time = struct.Struct(">i32siq").pack
_RAW_FIELDS, _DEAD_FIELDS, _DUPLICATE_FIELDS = (_fields(len(names)) for names in (RAW, DEAD, DUPLICATE))


@lru_cache(maxsize=16)
def _partition(stream: str, partition: int) -> bytes:
    return binary_text(stream) + binary_int4(partition)


def _where(entry: Entry) -> bytes:
    stream, partition, offset, _, _ = entry.source
    return _partition(stream, partition) + binary_int8(offset)


@lru_cache(maxsize=1024)
def _name(text: str | None) -> bytes:
    return binary_text(None if text is None else text[:NAME_CHARACTERS_MAX])


def _raw_row(entry: Entry) -> bytes:
    agg_id, kind, version, metadata = key_columns(entry)
    event_us = entry.event_ts_ns // 1_000 if entry.event_ts_ns is not None and entry.has_own_time else None
    return b"".join(
        (
            _RAW_FIELDS,
            _where(entry),
            binary_bytes(entry.key_raw),
            binary_text(agg_id),
            _name(kind),
            _name(version),
            binary_json(metadata),
            binary_bytes(entry.payload_raw),
            _hash_and_time(32, entry.payload_sha256, 8, entry.broker_ms * 1_000 - EPOCH_2000_US),
            binary_timestamp(event_us),
        )
    )


def _dead_row(entry: Entry) -> bytes:
    reason, detail = entry.dead or ("", "")
    texts = binary_text(reason) + binary_text(detail)
    return b"".join((_DEAD_FIELDS, _where(entry), texts, binary_bytes(entry.key_raw), binary_bytes(entry.payload_raw)))


def _duplicate_row(entry: Entry) -> bytes:
    kind, first = binary_text(entry.kind), binary_int8(entry.duplicate_of or 0)
    return b"".join((_DUPLICATE_FIELDS, _where(entry), kind, first))
