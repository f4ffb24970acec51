"""The reader of the event log: a thread that decodes, and hands each batch to the event loop.

The next batch is read only when the loop has taken the one before, so a busy loop slows the reading and
nothing piles up between them. Every process reads for itself and commits nothing: it begins where the
archiver stands (decisions A5), or further back, so that streams can be resumed.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from twilight.api.stream.fold import Fold, Folded
from twilight.bus.records import Record
from twilight.ops import logs
from twilight.ops.errors import Corrupt, Unavailable

RECORDS_MAX = 2_000
READ_S = 0.02
RETRY_S = 1.0

_log = logs.get("twilight.api.stream.tail")


class Reader(Protocol):
    """The part of ``bus.reader.LogReader`` that is needed here."""

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return what is there, waiting for a first record."""

    def position(self) -> int:
        """Return the offset of the next record to read."""

    def end_offset(self) -> int:
        """Return the last stable offset."""

    def close(self) -> None:
        """Leave the cluster."""


@dataclass(slots=True)
class TailHandlers:
    """What the event loop does with the thread's news."""

    apply: Callable[[Folded], None]
    well: Callable[[], None]
    failed: Callable[[str], None]


class Tail:
    """Reads the log in a thread from ``start`` on, until stopped; a broker that is away is waited for."""

    def __init__(
        self, open_reader: Callable[[int], Reader], start: int, handlers: TailHandlers, *, retry_s: float = RETRY_S
    ) -> None:
        self._retry_s = retry_s
        self._open_reader = open_reader
        self._position = start
        self._handlers = handlers
        self._loop = asyncio.get_running_loop()
        self._ends: SimpleQueue[Future[int]] = SimpleQueue()
        self._stopped = threading.Event()
        self._fold = Fold()
        self._thread = threading.Thread(target=self._run, name="log-tail", daemon=True)
        self._thread.start()

    async def end_offset(self) -> int:
        """Return the log's end as the broker knows it now.

        Raises:
            Unavailable: the broker does not answer.
        """
        asked: Future[int] = Future()
        self._ends.put(asked)
        return await asyncio.wrap_future(asked)

    async def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - whatever it was: say that the view stands still, and try again
                expected = isinstance(error, Unavailable | Corrupt)
                _log.warning("log_not_readable", error=str(error), position=self._position, exc_info=not expected)
                self._on_loop(self._handlers.failed, str(error))
                self._answer_ends(None)
                self._stopped.wait(self._retry_s)

    def _follow(self) -> None:
        reader = self._open_reader(self._position)
        try:
            while not self._stopped.is_set():
                records = reader.read(RECORDS_MAX, READ_S)
                self._position = max(self._position, reader.position())
                self._hand_over(self._fold.fold(records, self._position))
                self._answer_ends(reader)
        finally:
            reader.close()

    def _hand_over(self, folded: Folded) -> None:
        taken = threading.Event()

        def take(batch: Folded) -> None:
            try:
                self._handlers.apply(batch)
                self._handlers.well()
            finally:
                taken.set()

        self._on_loop(take, folded)
        while not taken.wait(READ_S) and not self._stopped.is_set():
            pass

    def _answer_ends(self, reader: Reader | None) -> None:
        while True:
            try:
                asked = self._ends.get_nowait()
            except Empty:
                return
            if not asked.set_running_or_notify_cancel():
                continue
            try:
                asked.set_result(self._end_of(reader))
            except Unavailable as error:
                asked.set_exception(error)

    def _end_of(self, reader: Reader | None) -> int:
        if reader is None:
            raise Unavailable("the event log cannot be read at the moment")
        return reader.end_offset()

    def _on_loop(self, call: Callable[..., None], argument: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, argument)
