"""Small files that several processes read: never seen half written, held by one process at a time."""

import fcntl
import os
from pathlib import Path
from typing import TypeVar

import msgspec

from twilight.ops.files import replace_file

T = TypeVar("T")


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file whole; only its owner may read it, since addresses hold passwords."""
    replace_file(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n", is_durable=False)


def read_json(path: Path, kind: type[T]) -> T | None:
    """Return the content of a JSON file, None when there is none or it is of another kind."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


class FileLock:
    """A lock that is held while the process lives, however it dies."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)

    def take(self) -> bool:
        """Return whether the lock is ours now."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give the lock up."""
        os.close(self._descriptor)


def is_held(path: Path) -> bool:
    """Return whether some process holds the lock."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        return not lock.take()
    finally:
        lock.close()
