"""Room on the disk of the data folder: enough to start with, and told before it is used up."""

import shutil
from pathlib import Path
from typing import Final

from twilight.ops.errors import SettingsError

MIB: Final = 1024**2
START_BYTES_MIN: Final = 1024 * MIB
LOW_BYTES: Final = 256 * MIB


def check_disk(data: Path) -> None:
    """Return when there is room for the servers' data.

    Raises:
        SettingsError: the disk is full, or nearly.
    """
    free = shutil.disk_usage(data).free
    if free < START_BYTES_MIN:
        need = f"{free // MIB} MiB are free, {START_BYTES_MIN // MIB} are needed"
        raise SettingsError([f"disk full: of {data} {need}: free some or name another folder with --data"])


def alarm(data: Path) -> str:
    """Return what the operator must do about the disk now, nothing while there is room."""
    free = shutil.disk_usage(data).free
    if free >= LOW_BYTES:
        return ""
    return f"DISK FULL: {free // MIB} MiB are free for {data}: free some, parts end and come back until there is room"
