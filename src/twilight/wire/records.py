"""Recorded Kafka records as lines of JSON: ``topic, partition, offset, ts, key_b64, value_b64``."""

from __future__ import annotations

import gzip
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Literal, cast

import msgspec

LOG_APPEND_TIME: Final = 2


class RecordedRecord(msgspec.Struct, frozen=True, gc=False):
    """One line of a recording; a missing key or value is null."""

    topic: str
    partition: int
    offset: int
    ts: int
    key_b64: str | None
    value_b64: str | None
    ts_type: int = LOG_APPEND_TIME

    @property
    def key(self) -> bytes | None:
        """The key's bytes."""
        return None if self.key_b64 is None else b64decode(self.key_b64, validate=True)

    @property
    def value(self) -> bytes | None:
        """The value's bytes."""
        return None if self.value_b64 is None else b64decode(self.value_b64, validate=True)


_LINES: Final = msgspec.json.Decoder(RecordedRecord)


def recorded(topic: str, offset: int, ts: int, key: bytes | None, value: bytes | None) -> RecordedRecord:
    """Return a record of partition 0 with its bytes as text."""
    return RecordedRecord(topic, 0, offset, ts, _text(key), _text(value))


def _text(part: bytes | None) -> str | None:
    return None if part is None else b64encode(part).decode()


def read_records(path: Path) -> Iterator[RecordedRecord]:
    """Yield the records of a ``.jsonl`` or ``.jsonl.gz`` file in its order; empty lines are skipped.

    Raises:
        ValueError: a line is no record; the message has the file's name and the line's number.
        OSError: the file cannot be read.
    """
    with _open(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _record(line, f"{path.name}:{number}")


def write_records(path: Path, records: Iterable[RecordedRecord]) -> None:
    """Write a recording, compressed if the name ends in ``.gz``."""
    with _open(path, "wb") as lines:
        for record in records:
            lines.write(msgspec.json.encode(record) + b"\n")


def _record(line: bytes, where: str) -> RecordedRecord:
    try:
        return _LINES.decode(line)
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"{where}: expected a record, found {error}") from None


def _open(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, mode))
    return path.open(mode)
