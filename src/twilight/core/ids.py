"""Names that are made here: uuids of orders, this core's name in the leaders' group, the lock on its folder."""

import fcntl
import os
import random
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from twilight.ops.errors import SettingsError
from twilight.ops.files import replace_file

_VERSION_4 = 0x4 << 76
_VARIANT = 0x8 << 60
_KEPT = ~((0xF << 76) | (0xC << 60))


class Uuids:
    """Makes version 4 uuids; an order's uuid is no secret, so speed decides."""

    def __init__(self, seed: bytes | None = None) -> None:
        self._bits = random.Random(seed or os.urandom(32)).getrandbits  # noqa: S311 - names, not secrets

    def __call__(self) -> str:
        """Return the next one."""
        text = f"{self._bits(128) & _KEPT | _VERSION_4 | _VARIANT:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def instance_name(folder: Path) -> str:
    """Return the name that this core has had since its folder was made."""
    return kept_text(folder / "instance", lambda: f"core-{uuid4()}")


def kept_text(path: Path, make: Callable[[], str]) -> str:
    """Return the text that the file keeps, made on first use, whole and readable by its owner alone.

    Raises:
        SettingsError: the file is empty: an empty token would let everybody in; or it cannot be kept.
    """
    try:
        if not path.exists():
            replace_file(path, make().encode())
        text = path.read_text().strip()
    except OSError as fault:
        raise _unusable(path.parent, fault) from fault
    if not text:
        raise SettingsError([f"{path} is empty: delete it, and a new one is made"])
    return text


def _unusable(folder: Path, fault: OSError) -> SettingsError:
    return SettingsError([f"DATA_DIR: expected a folder to write to, found {folder}: {fault.strerror or fault}"])


class FolderLock:
    """Held while the process lives, however it dies: two cores in one folder would take each other's place."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / "lock").open("w")
        except OSError as fault:
            raise _unusable(folder, fault) from fault
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise SettingsError([f"DATA_DIR: another core runs in {folder}; name another folder"]) from None

    def release(self) -> None:
        """Let another core have the folder."""
        self._file.close()
