"""Files that are never seen half written."""

import os
from pathlib import Path

PRIVATE_MODE = 0o600


def replace_file(path: Path, content: bytes, *, mode: int = PRIVATE_MODE, is_durable: bool = True) -> None:
    """Put the content in the place of a file, whole or not at all; the folder is made if there is none.

    Args:
        path: the file.
        content: all of it.
        mode: who may read it from the first byte on, whatever the process's umask says.
        is_durable: it is on disk when this returns, so that a power cut leaves the old content or the new.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        if is_durable:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(path)
    if is_durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
