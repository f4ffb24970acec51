"""How far a stream's tables are behind its log."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from twilight.archiver import metrics
from twilight.bus import LogReader

MEASURE_EVERY_S = 1.0
MS_PER_S = 1_000


@dataclass(slots=True)
class Lag:
    """Offsets and seconds between what is stored and the log's end, as of the last measurement."""

    records: int = 0
    seconds: float = 0.0


class LagWatch:
    """Measures beside the storing, at most once a second: a broker may take its time to answer."""

    def __init__(self, stream: str, log: LogReader, lag: Lag) -> None:
        self._stream = stream
        self._log = log
        self._lag = lag
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lag")
        self._asked_at = 0.0
        self._asking: Future[None] | None = None

    def measure(self, reached: int, stored: int | None, newest_ms: int | None) -> None:
        """Bring the lag up to date if it is time to, and leave the position as the group's hint.

        Args:
            reached: the offset up to which everything is stored.
            stored: the same where a record stands, None before the first.
            newest_ms: the broker's time of the newest record that was read, None when none came.

        Raises:
            Unavailable: the broker did not answer the last time.
        """
        now = time.monotonic()
        if now - self._asked_at < MEASURE_EVERY_S or (self._asking is not None and not self._asking.done()):
            return
        if self._asking is not None:
            self._asking.result()
        self._asked_at = now
        if stored is not None:
            self._log.commit(stored)
        self._asking = self._pool.submit(self._ask, reached, newest_ms)

    def _ask(self, reached: int, newest_ms: int | None) -> None:
        records = max(0, self._log.end_offset() - reached)
        if records == 0:
            self._lag.seconds = 0.0
        elif newest_ms is not None:
            self._lag.seconds = max(0.0, time.time() - newest_ms / MS_PER_S)
        self._lag.records = records
        metrics.LAG_RECORDS.labels(self._stream).set(records)
        metrics.LAG_SECONDS.labels(self._stream).set(self._lag.seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
