"""One number for each start of a feeder, larger than any before it, and one feeder for each state folder.

Price feed specification 9.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from twilight.ops.errors import Corrupt, Unavailable
from twilight.ops.files import replace_file


class StateFolder:
    """The folder in which a feeder remembers its epoch; held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise Unavailable(f"another feeder runs in {path}: stop it, or set FEEDER_STATE_DIR") from error

    def next_epoch(self, wall_ms: int) -> int:
        """Return unix milliseconds, or one more than the last epoch if the clock went back. Durable."""
        epoch = max(wall_ms, self._last() + 1)
        replace_file(self._path / "epoch", f"{epoch}\n".encode(), mode=0o644)
        self._sync_folder()
        return epoch

    def close(self) -> None:
        """Let another feeder have the folder."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _last(self) -> int:
        path = self._path / "epoch"
        if not path.exists():
            return 0
        text = path.read_text().strip()
        if not (text.isascii() and text.isdigit()):
            raise Corrupt(f"{path} must hold the last epoch in digits, holds {text[:40]!r}")
        return int(text)

    def _sync_folder(self) -> None:
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
