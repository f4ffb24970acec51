"""The snapshot file: checksummed, replaced atomically, the one before kept (decisions C10).

A snapshot only saves time: the log is the truth, and a file that is damaged is left aside for the one
before it, or for the log from its start. What is inside is the business of `memory`.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from twilight.ops.files import sync_folder

MAGIC = b"TWSNAP01"
DIGEST_BYTES = 32
ZSTD_LEVEL = 3
BODY_BYTES_MAX = 8 * 2**30


class DamagedSnapshot(Exception):
    """The file is not what was written; its text says what was expected and found."""


@dataclass(frozen=True, slots=True)
class SnapshotFiles:
    """The newest snapshot at ``path`` and the one before it beside it."""

    path: Path

    @property
    def previous(self) -> Path:
        """Where the snapshot before the newest one is kept."""
        return self.path.with_name(self.path.name + ".previous")

    def save(self, body: bytes) -> None:
        """Make ``body`` the newest snapshot; whenever it fails, the files are as they were.

        Raises ``OSError``, for instance when the disk is full.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".tmp")
        try:
            _write_durably(fresh, _sealed(body))
            self._keep_previous()
            fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(self.path.parent)

    def candidates(self) -> Iterator[tuple[Path, bytes | DamagedSnapshot]]:
        """Yield the verified bodies, newest first, or what is wrong with a file."""
        for path in (self.path, self.previous):
            if path.exists():
                try:
                    yield path, _opened(path.read_bytes())
                except DamagedSnapshot as damage:
                    yield path, damage

    def _keep_previous(self) -> None:
        if self.path.exists():
            link = self.previous.with_name(self.previous.name + ".tmp")
            link.unlink(missing_ok=True)
            link.hardlink_to(self.path)
            link.replace(self.previous)


def _sealed(body: bytes) -> bytes:
    packed = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True).compress(body)
    return MAGIC + hashlib.sha256(packed).digest() + packed


def _opened(content: bytes) -> bytes:
    head = len(MAGIC) + DIGEST_BYTES
    if content[: len(MAGIC)] != MAGIC:
        raise DamagedSnapshot(f"expected a file that begins with {MAGIC!r}, found {content[: len(MAGIC)]!r}")
    packed = content[head:]
    found = hashlib.sha256(packed).digest()
    if found != content[len(MAGIC) : head]:
        raise DamagedSnapshot(f"expected checksum {content[len(MAGIC) : head].hex()}, found {found.hex()}")
    try:
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=BODY_BYTES_MAX)
    except zstandard.ZstdError as error:
        raise DamagedSnapshot(f"expected a zstd frame: {error}") from error


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
