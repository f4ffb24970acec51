"""Where records are read from: a folder or file of lines, or the Kafka topic."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from twilight.bus.reader import LogReader, Start
from twilight.feeder.recorder import CONFIG_EVERY_TICKS, record_files
from twilight.feeder.records import ConfigRecord, Record, RecordError, decode
from twilight.ops.errors import Corrupt

BATCH: Final = 2_000
WAIT_S: Final = 1.0
CONFIG_WITHIN: Final = 8 * CONFIG_EVERY_TICKS
"""So many records before any tick hold its configuration, with up to seven feeders on one topic."""


def from_files(path: Path) -> Iterator[Record]:
    """Yield the records of a file, or of all record files of a folder, oldest first.

    A last line without its end is the one that a feeder was writing; it is left out.

    Raises:
        Corrupt: a line is no record.
    """
    for file in record_files(path) if path.is_dir() else [path]:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.endswith(b"\n"):
                    yield _record(line, f"{file} line {number}")


def from_topic(brokers: str, topic: str, *, start: int | None = None) -> Iterator[Record]:
    """Yield the records of the topic from an offset, or all, up to what is its end now.

    Before the first tick stand the configurations of the records before it, which it may need.

    Raises:
        Corrupt: a value is no record.
        Unavailable: the cluster does not answer.
    """
    begin: Start = "earliest" if start is None else max(0, start - CONFIG_WITHIN)
    with LogReader(brokers, topic, start=begin) as reader:
        end = reader.end_offset()
        while reader.position() < end:
            for record in reader.read(BATCH, WAIT_S):
                if record.offset >= end:
                    break
                found = _record(record.value or b"", f"{topic} offset {record.offset}")
                if record.offset >= (start or 0) or isinstance(found, ConfigRecord):
                    yield found


def _record(line: bytes, where: str) -> Record:
    try:
        return decode(line)
    except RecordError as error:
        raise Corrupt(f"{where}: {error}") from None
