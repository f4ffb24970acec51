"""Folding a log from its start, out of Kafka or a recording (`twilight core replay`, `twilight core hash`)."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from twilight.bus import LogReader
from twilight.core.durability.recovery import FOLD_BATCH, READ_WAIT_S, fold
from twilight.domain.books.snapshot import state_hash
from twilight.domain.books.state import State
from twilight.domain.engine import new_engine
from twilight.ops.errors import Corrupt
from twilight.ops.settings import Settings
from twilight.wire.records import read_records

RawRecord = tuple[int, bytes | None, bytes | None, int]
"""Offset, key, value, the broker's time in milliseconds."""

Told = Callable[[int], None]
"""Told a number of events: how many were folded so far, or how many there are."""


class ForeignLog(Corrupt):
    """The log was written by the reference, and has come to what no state of this engine can hold."""


class LogSettings(Settings):
    """Where the event log is."""

    broker: str = "localhost:9092"
    core_event_log: str = "CoreEventLogTopic"


@dataclass(slots=True)
class Replayed:
    """What a log folded to."""

    state_hash: str
    offset: int
    events: int
    seconds: float
    orders: int
    kinds: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, object]:
        """Return the figures as plain structures."""
        return {
            "state_hash": self.state_hash,
            "offset": self.offset,
            "events": self.events,
            "events_per_s": round(self.events / self.seconds) if self.seconds else 0,
            "seconds": round(self.seconds, 3),
            "orders": self.orders,
            "kinds": dict(sorted(self.kinds.items())),
        }


def from_file(path: Path) -> Iterator[RawRecord]:
    """Yield the records of a recording."""
    for record in read_records(path):
        yield record.offset, record.key, record.value, record.ts


def from_kafka(settings: LogSettings, total: Told = lambda _total: None) -> Iterator[RawRecord]:
    """Yield the event log up to its end as it is now; ``total`` is told how many offsets it has until there."""
    with LogReader(settings.broker, settings.core_event_log, start="earliest", group=f"replay-{uuid4()}") as reader:
        end, start = reader.end_offset(), reader.start_offset()
        total(end - start)
        while max(start, reader.position()) < end:
            for record in reader.read(FOLD_BATCH, READ_WAIT_S):
                yield record.offset, record.key, record.value, record.timestamp_ms


def replay(
    records: Iterator[RawRecord],
    *,
    until: int | None = None,
    progress: Told = lambda _folded: None,
) -> Replayed:
    """Fold the records up to and including the offset ``until``.

    A log of the reference is folded as far as its figures are whole and each of its orders ends once (engine 12: W-34,
    W-51, W-24): rounded, or with endings left out, its state would be nobody's.

    Raises:
        ForeignLog: a log of the reference goes on with what cannot be folded; the message says what to do.
        Corrupt: any other log does; the message names the offset.
    """
    engine = new_engine(lambda: str(uuid4()))
    kinds: Counter[str] = Counter()
    offset, begun = -1, time.perf_counter()
    for number, (at, key, value, timestamp_ms) in enumerate(records, 1):
        if until is not None and at > until:
            break
        try:
            kinds[fold(engine, at, key, value, timestamp_ms)] += 1
        except Corrupt as fault:
            if offset < 0 or _names_causes(engine.state):
                raise
            raise ForeignLog(_foreign(fault, at)) from fault
        offset = at
        if number % FOLD_BATCH == 0:
            progress(number)
    seconds = time.perf_counter() - begun
    state = engine.state
    return Replayed(state_hash(state), offset, kinds.total(), seconds, len(state.positions), kinds)


def _names_causes(state: State) -> bool:
    """Return whether an event so far said which tick or command caused it, as all of ours do (decisions C5, R14)."""
    return bool(state.ticks or state.queues or state.request_ids)


def _foreign(fault: Corrupt, offset: int) -> str:
    return (
        f"expected a log of this core, found one of the reference, which has fractions of a sat and ends orders twice: "
        f"{fault}; fold what stands before it with --until {offset - 1}, or archive the whole log (twilight archiver)"
    )
