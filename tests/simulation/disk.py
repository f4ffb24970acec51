"""The folder of snapshots: full at times, cut off in the middle of a write, damaged between two lives of a core."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.simulation.machine import Killed, Process

from twilight.core.durability.snapshot import SnapshotFiles

Saved = Callable[[bytes], None]


@dataclass
class Disk:
    """What can be wrong with a machine's disk; it outlives the process."""

    random: Random
    is_full: bool = False
    torn_write: float = 0.0


@dataclass(frozen=True)
class FailingFiles(SnapshotFiles):
    """The core's own files on such a disk."""

    process: Process
    disk: Disk
    on_saved: Saved = field(repr=False)

    def save(self, body: bytes) -> None:
        self.process.meet("snapshot")
        if self.disk.is_full:
            raise OSError(errno.ENOSPC, "no space left on device")
        if self.disk.random.random() < self.disk.torn_write:
            self._die_while_writing(body)
        super().save(body)
        self.on_saved(body)
        self.process.meet("snapshot kept")

    def _die_while_writing(self, body: bytes) -> None:
        """Leave what a killed process leaves: part of the new file, perhaps the newest kept as the previous one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.with_name(self.path.name + ".tmp").write_bytes(body[: self.disk.random.randrange(len(body))])
        if self.disk.random.random() < 0.5:
            self._keep_previous()
        self.process.kill()
        raise Killed


def damage(files: SnapshotFiles, random: Random) -> str:
    """Do to the snapshots what disks, administrators and cosmic rays do; return what it was."""
    there = [path for path in (files.path, files.previous) if path.exists()]
    if not there:
        return "nothing there"
    path = random.choice(there)
    content = bytearray(path.read_bytes() or b"?")
    kind = random.choice(("cut", "flipped", "emptied", "removed", "both removed"))
    if kind == "removed":
        path.unlink()
    elif kind == "both removed":
        for each in there:
            each.unlink()
    else:
        if kind == "flipped":
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        path.unlink()  # the two may be one file under two names
        path.write_bytes(content[: {"cut": len(content) // 2, "emptied": 0}.get(kind, len(content))])
    return f"{kind} {path.name}"
