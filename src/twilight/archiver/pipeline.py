"""Batches on their way into PostgreSQL, two at a time: one is stored while the next is folded and encoded.

psycopg leaves the interpreter while it waits, so both run at once. A batch that is refused stops this: it and the one
after it are written one after the other, halved until the record is found.
"""

import gc
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import psycopg

from twilight.archiver.postgres.connection import blames_a_record
from twilight.archiver.postgres.isolating import write_isolating
from twilight.archiver.postgres.writer import Prepared, Writer
from twilight.archiver.record import Entry

GC_ALLOCATIONS = 50_000
"""How many new objects start a search for cycles; a batch makes hundreds of thousands, and none of them is in one."""
HANDOVER_S = 0.0005
"""How long a busy thread keeps the interpreter from the storing one, which needs it a little for each statement."""

Stored = Callable[[list[Entry], int, float], None]
"""Told, in a thread of its own, which records were stored, how many rows they made, and how many seconds it took."""


class _Batch(NamedTuple):
    entries: list[Entry]
    newest_event_ns: int | None
    begun: float


class Pipeline:
    """Writes what it is given, in order. Leaving it waits for the batch that is being stored.

    Args:
        writer: opened, and asking through a connection of its own.
        stored: told of every batch once it is committed.
    """

    def __init__(self, writer: Writer, stored: Stored) -> None:
        self._writer = writer
        self._stored = stored
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._flight: tuple[_Batch, Future[None]] | None = None
        # Both are of the process. The interpreter's default, ten times as long, would let PostgreSQL idle.
        sys.setswitchinterval(HANDOVER_S)
        gc.set_threshold(GC_ALLOCATIONS)

    def put(self, entries: list[Entry], newest_event_ns: int | None) -> None:
        """Write a batch; return as soon as the one before it is stored.

        A batch with events later than remembered is stored first: what it counts anew must be known to the next.

        Raises:
            psycopg.Error: the server's state is to blame, not a record.
            Moved: the tables are not where the writer left them.
        """
        batch = _Batch(entries, newest_event_ns, time.monotonic())
        prepared = self._prepare(batch)
        was_refused = self.drain()
        if prepared is None or was_refused:
            self._isolate(batch)
        else:
            self._flight = batch, self._pool.submit(self._store, prepared, batch.begun)
            if prepared.work.late and not self.drain():
                self._writer.recall_candles()

    def drain(self) -> bool:
        """Wait until everything is stored; return whether a batch was refused, and its bad record put aside.

        Raises:
            psycopg.Error: the server's state is to blame, not a record.
            Moved: the tables are not where the writer left them.
        """
        if self._flight is None:
            return False
        (batch, future), self._flight = self._flight, None
        try:
            future.result()
        except (psycopg.Error, ValueError, ArithmeticError) as error:
            if not blames_a_record(error):
                raise
        else:
            return False
        self._isolate(batch)
        return True

    def _prepare(self, batch: _Batch) -> Prepared | None:
        try:
            return self._writer.prepare(batch.entries, batch.newest_event_ns)
        except (psycopg.Error, ValueError, ArithmeticError) as error:
            if not blames_a_record(error):
                raise
            return None

    def _isolate(self, batch: _Batch) -> None:
        self._writer.reload()
        rows = write_isolating(self._writer, batch.entries, batch.newest_event_ns)
        self._stored(batch.entries, rows, time.monotonic() - batch.begun)

    def _store(self, prepared: Prepared, begun: float) -> None:
        rows = self._writer.store(prepared)
        self._stored(prepared.entries, rows, time.monotonic() - begun)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
