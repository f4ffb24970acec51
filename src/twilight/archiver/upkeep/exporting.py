"""The raw log as compressed files with a manifest of hashes, and back (issue 6): backup, moving, analysts.

Each file is a recording as `twilight wire check` reads it: one record a line, gzip.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from twilight.archiver.postgres.connection import Connection, connect
from twilight.archiver.postgres.isolating import write_isolating
from twilight.archiver.postgres.migrate import migrate
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.upkeep.stored import stored_records
from twilight.bus import Record
from twilight.ops.errors import Corrupt, SettingsError, Unavailable
from twilight.wire.records import RecordedRecord, read_records, recorded, write_records

MANIFEST = "manifest.json"
RECORDS_PER_FILE = 100_000
BATCH_RECORDS = 5_000
GAPS_NAMED_MAX = 100

Progress = Callable[[int, int], None]


class ExportedFile(msgspec.Struct, frozen=True):
    """One file of an export."""

    name: str
    sha256: str
    records: int
    first_offset: int
    last_offset: int


class Gap(msgspec.Struct, frozen=True):
    """Offsets without a record, both named ones included."""

    first_offset: int
    last_offset: int

    @property
    def offsets(self) -> int:
        """Return how many they are."""
        return self.last_offset - self.first_offset + 1


class Manifest(msgspec.Struct, frozen=True):
    """What an export holds; `records_sha256` is over every record's offset, key and value in order.

    `gaps` counts the offsets of the range without a record (markers of transactions take one each; a partition that is
    gone takes all of its), `widest_gaps` names the widest of them. `topic_id` is Kafka's own id of the topic.
    """

    stream: str
    from_offset: int
    to_offset: int
    records: int
    records_sha256: str
    files: list[ExportedFile]
    gaps: int = 0
    widest_gaps: list[Gap] = []
    topic_id: str | None = None


class _Gaps:
    """Counts the offsets of a range that have no record, and keeps the widest."""

    def __init__(self, first: int) -> None:
        self._next = first
        self._widest: list[tuple[int, int, int]] = []
        self.count = 0

    def reach(self, offset: int) -> None:
        """Take the next offset that has a record, or the end of the range."""
        if offset > self._next:
            width = offset - self._next
            self.count += width
            heapq.heappush(self._widest, (width, self._next, offset - 1))
            if len(self._widest) > GAPS_NAMED_MAX:
                heapq.heappop(self._widest)
        self._next = max(self._next, offset + 1)

    def widest(self) -> list[Gap]:
        """Return the widest, in the order of their offsets."""
        return [Gap(first, last) for _, first, last in sorted(self._widest, key=lambda gap: gap[1])]


class _Digest:
    """One hash over records, independent of files and compression."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, record: Record) -> None:
        """Take the next record."""
        head = f"{record.partition} {record.offset} {record.timestamp_ms} ".encode()
        for part in (head, record.key, record.value):
            size = -1 if part is None else len(part)
            self._hash.update(size.to_bytes(8, "big", signed=True) + (part or b""))

    def hex(self) -> str:
        """Return the hash so far."""
        return self._hash.hexdigest()


def export(
    url: str, stream: str, first: int, end: int, folder: Path, progress: Progress = lambda _offset, _end: None
) -> Manifest:
    """Write the records of a range of offsets, `end` excluded, into a folder that is empty or new; name its gaps.

    Raises:
        SettingsError: the folder holds something already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SettingsError([f"{folder}: expected an empty folder, it holds files"])
    digest, gaps, files = _Digest(), _Gaps(first), list[ExportedFile]()
    with connect(url, "export") as connection:
        topic_id, position = _topic_and_position(connection, stream)
        for chunk in _file_loads(stored_records(connection, stream, first, end)):
            files.append(_write_file(folder, stream, chunk, digest))
            for record in chunk:
                gaps.reach(record.offset)
            progress(chunk[-1].offset + 1, end)
    gaps.reach(min(end, position))
    count = sum(file.records for file in files)
    manifest = Manifest(
        stream, first, end, count, digest.hex(), files, gaps=gaps.count, widest_gaps=gaps.widest(), topic_id=topic_id
    )
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def _topic_and_position(connection: Connection, stream: str) -> tuple[str | None, int]:
    row = connection.execute(
        "SELECT topic_id, next_offset FROM ingest_offset WHERE consumer = 'archiver' AND stream = %s", (stream,)
    ).fetchone()
    return (None, 0) if row is None else (row[0], int(row[1]))


def _file_loads(chunks: Iterator[list[Record]]) -> Iterator[list[Record]]:
    load: list[Record] = []
    for chunk in chunks:
        load += chunk
        if len(load) >= RECORDS_PER_FILE:
            yield load
            load = []
    if load:
        yield load


def _write_file(folder: Path, stream: str, records: list[Record], digest: _Digest) -> ExportedFile:
    first, last = records[0].offset, records[-1].offset
    path = folder / f"{stream}-{first:012d}.jsonl.gz"
    write_records(path, (recorded(stream, r.offset, r.timestamp_ms, r.key, r.value) for r in records))
    for record in records:
        digest.add(record)
    return ExportedFile(path.name, _file_sha256(path), len(records), first, last)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_export(folder: Path) -> Manifest:
    """Return the manifest of an export whose every file has the bytes that it names.

    Raises:
        Corrupt: a file is missing or changed.
        SettingsError: there is no manifest.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise SettingsError([f"{folder}: expected an export, found no {MANIFEST}"])
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    for file in manifest.files:
        if not (folder / file.name).is_file() or _file_sha256(folder / file.name) != file.sha256:
            raise Corrupt(f"{folder / file.name}: expected SHA-256 {file.sha256}, the file is missing or changed")
    return manifest


def import_(url: str, folder: Path, progress: Progress = lambda _offset, _end: None) -> int:
    """Load an export into an archive that stands before or inside it; return how many records were new.

    Everything derived is written along, as if the records had come from Kafka. Nothing is written before all of the
    export was read and is what its manifest says.

    Raises:
        Corrupt: the files are not what the manifest says, the archive is of another topic, or records are missing
            between archive and export.
        Unavailable: an archiver writes this stream now.
    """
    manifest = read_export(folder)
    _demand_records(folder, manifest)
    with connect(url, "import") as connection:
        migrate(connection)
        writer = Writer(connection, manifest.stream)
        if not writer.try_lock():
            raise Unavailable(f"an archiver writes stream {manifest.stream} now: stop it first")
        reader = writer.open(manifest.topic_id)
        if writer.position is not None and writer.position < manifest.from_offset:
            raise Corrupt(f"the archive ends at {writer.position}, the export begins at {manifest.from_offset}")
        new = 0
        for records in _batches(folder, manifest):
            fresh = [record for record in records if record.offset >= (writer.position or 0)]
            if fresh:
                write_isolating(writer, reader.entries(fresh), reader.newest_event_ns)
                new += len(fresh)
            progress(records[-1].offset + 1, manifest.to_offset)
        writer.unlock()
    return new


def _demand_records(folder: Path, manifest: Manifest) -> None:
    digest, count = _Digest(), 0
    for records in _batches(folder, manifest):
        count += len(records)
        for record in records:
            digest.add(record)
    if (count, digest.hex()) != (manifest.records, manifest.records_sha256):
        raise Corrupt(
            f"{folder}: expected {manifest.records} records with SHA-256 {manifest.records_sha256}, found {count} with"
            f" {digest.hex()}: the manifest is not that of these files"
        )


def _batches(folder: Path, manifest: Manifest) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for file in manifest.files:
        for found in read_records(folder / file.name):
            batch.append(_record(found))
            if len(batch) >= BATCH_RECORDS:
                yield batch
                batch = []
    if batch:
        yield batch


def _record(found: RecordedRecord) -> Record:
    return Record(found.topic, found.partition, found.offset, found.ts, found.key, found.value)
