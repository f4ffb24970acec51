"""Where records are read from: a folder or file of lines, or the Kafka topic."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from twilight.bus.reader import LogReader
from twilight.feeder.recorder import record_files
from twilight.feeder.records import Record, RecordError, decode
from twilight.ops.errors import Corrupt

BATCH: Final = 2_000
WAIT_S: Final = 1.0


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

    Raises:
        Corrupt: a value is no record.
        Unavailable: the cluster does not answer.
    """
    with LogReader(brokers, topic, start="earliest" if start is None else start) as reader:
        end = reader.end_offset()
        while reader.position() < end:
            for record in reader.read(BATCH, WAIT_S):
                if record.offset < end:
                    yield _record(record.value or b"", f"{topic} offset {record.offset}")


def _record(line: bytes, where: str) -> Record:
    try:
        return decode(line)
    except RecordError as error:
        raise Corrupt(f"{where}: {error}") from None
