"""Logs read in stretches of bounded size."""

from collections.abc import Iterator
from uuid import uuid4

from twilight.bus import LogReader, Record

CHUNK_RECORDS = 20_000
READ_WAIT_S = 0.1


def reader_of(brokers: str, topic: str, start: int | None = None) -> LogReader:
    """Return a reader of a topic, from an offset or from its beginning; it shares no position with anybody."""
    return LogReader(brokers, topic, start="earliest" if start is None else start, group=f"audit-{uuid4()}")


class Stretches:
    """A log from its beginning, as far as it is asked for; what was read too far is kept for the next question."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._ahead: list[Record] = []
        self.first = log.start_offset()
        """The offset of the oldest record that was kept when the audit began."""

    def below(self, end: int) -> Iterator[list[Record]]:
        """Yield the records below an offset that were not yielded before, in log order, chunk by chunk."""
        while True:
            while len(self._ahead) < CHUNK_RECORDS and max(self.first, self._log.position()) < end:
                self._ahead += self._log.read(CHUNK_RECORDS, READ_WAIT_S)
            ready = [record for record in self._ahead if record.offset < end]
            if not ready:
                return
            del self._ahead[: len(ready)]
            yield ready
