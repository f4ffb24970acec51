"""Writing batches down, and telling what waited for it (decisions C2).

Beside the loop: while one transaction commits, the loop already decides the next batch. Nothing is told before it is
in the log, and the first transaction that fails ends everything: whatever was decided after it never happened.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from twilight.core import metrics
from twilight.core.exchange import Batch

if TYPE_CHECKING:
    from twilight.core.ports import Writer  # the ports know publishers

Answer = Callable[[], None]
IN_FLIGHT_MAX = 16
"""Batches that may wait for the one before; then the loop waits, so memory and latency stay bounded."""
BETWEEN_TRANSACTIONS_S = 0.004
"""After a commit the broker still completes it for 1 to 4 ms. A client that begins another meanwhile is told to wait
and asks again only 20 ms later: transactions would follow each other every 35 ms instead of every 10."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A batch on its way into the log, and what is told when it has arrived."""

    batch: Batch
    answers: Sequence[Answer]


class Publisher(Protocol):
    """Takes publications in their order."""

    written: dict[str, int]
    """The offset of the newest record of each topic that was written to."""

    @property
    def offset(self) -> int:
        """The offset of the newest event."""

    def submit(self, publication: Publication) -> None:
        """Take the next publication; raises what went wrong with an earlier one."""

    def check(self) -> None:
        """Raise what went wrong with a publication, if anything did."""

    def settle(self) -> None:
        """Return when everything that was submitted is in the log; raises what went wrong."""


class Change(Protocol):
    """What two threads wait for; as `threading.Condition`."""

    def __enter__(self) -> bool:
        """Hold what is shared alone."""

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Let go of it."""

    def wait_for(self, holds: Callable[[], object]) -> object:
        """Let go of it until somebody has told of a change that makes the condition hold."""

    def notify_all(self) -> None:
        """Tell of a change."""


def in_thread(name: str, work: Callable[[], None]) -> None:
    """Run the work beside everything else; it ends with the process."""
    threading.Thread(target=work, name=name, daemon=True).start()


@dataclass(frozen=True, slots=True)
class Threads:
    """What the publisher asks of threads; the simulation puts its own in their place."""

    start: Callable[[str, Callable[[], None]], None] = in_thread
    change: Callable[[], Change] = threading.Condition
    sleep: Callable[[float], None] = time.sleep


class BackgroundPublisher:
    """Writes in a thread of its own; what waits there becomes one transaction."""

    def __init__(self, writer: "Writer", topic: str, offset: int, threads: Threads = Threads()) -> None:
        self._writer = writer
        self._topic = topic
        self.written = {topic: offset}
        self._change = threads.change()
        self._sleep = threads.sleep
        self._waiting: deque[Publication] = deque()
        self._writing: Sequence[Publication] = ()
        self._fault: BaseException | None = None
        threads.start("publisher", self._work)

    @property
    def offset(self) -> int:
        """The offset of the newest event."""
        return self.written[self._topic]

    def submit(self, publication: Publication) -> None:
        """Queue the publication; waits while too many are on their way."""
        with self._change:
            self._change.wait_for(lambda: self._fault or len(self._waiting) < IN_FLIGHT_MAX)
            self._raise_fault()
            self._waiting.append(publication)
            self._change.notify_all()

    def check(self) -> None:
        """Raise what went wrong with a publication, if anything did."""
        with self._change:
            self._raise_fault()

    def settle(self) -> None:
        """Wait until everything that was submitted is in the log."""
        with self._change:
            self._change.wait_for(lambda: self._fault or not (self._waiting or self._writing))
            self._raise_fault()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _work(self) -> None:
        try:
            while True:
                publications = self._take()
                write_down(publications, self._writer, self._topic, self.written)
                self._done()
                self._sleep(BETWEEN_TRANSACTIONS_S)
        except BaseException as fault:  # noqa: BLE001 - raised again in the loop
            with self._change:
                self._fault = fault
                self._change.notify_all()

    def _take(self) -> list[Publication]:
        with self._change:
            self._change.wait_for(lambda: self._waiting)
            taken = list(self._waiting)
            self._waiting.clear()
            self._writing = taken
            self._change.notify_all()
            return taken

    def _done(self) -> None:
        with self._change:
            self._writing = ()
            self._change.notify_all()


def write_down(publications: Sequence[Publication], writer: "Writer", topic: str, written: dict[str, int]) -> None:
    """Write the batches as one transaction, note how far each topic is written, and tell what waited for them.

    No event may be among them: then all records stand beside the log, and the offset of its topic stays.
    """
    batches = [publication.batch for publication in publications if publication.batch.count]
    if batches:
        begun = time.perf_counter()
        records = chain.from_iterable(batch.records for batch in batches)
        written.update(writer.publish(records))
        seconds = time.perf_counter() - begun
        for batch in batches:
            metrics.note_batch(batch, seconds, written[topic])
    for answer in chain.from_iterable(publication.answers for publication in publications):
        answer()
