"""Whether the log says something twice (decisions S3).

The core writes in transactions, so from its first event on no record can stand in the log twice. Only what older
producers wrote, which sent again after a crash, may.
"""

from twilight.archiver.record import Entry
from twilight.audit.finding import Faults, Finding, finding
from twilight.wire.keys import EventKey


class Repeats:
    """Takes every entry of the log."""

    def __init__(self) -> None:
        self._is_ours = False
        self._tolerated = 0
        self._faults = Faults()

    def take(self, entry: Entry) -> None:
        """Note one entry; metadata in its key is the core's own mark (decisions C5, R11, R14)."""
        self._is_ours = self._is_ours or (isinstance(entry.key, EventKey) and bool(entry.key.metadata))
        if entry.duplicate_of is None:
            return
        if self._is_ours:
            self._faults.add(
                f"offset {entry.source.offset}: {entry.kind} repeats offset {entry.duplicate_of} to the byte"
            )
        else:
            self._tolerated += 1

    def close(self) -> Finding:
        """Return whether nothing of the core's was said twice."""
        return finding("nothing said twice", {"older_repeats": self._tolerated}, self._faults)
