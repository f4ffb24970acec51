"""How a core comes to its state: the newest good snapshot, then the log after it (decisions C1, C10).

A log that cannot be folded stops the process and names the offset: nothing may be built on it.
"""

from collections.abc import Callable
from typing import NamedTuple

from twilight.bus import Record
from twilight.core.durability import memory
from twilight.core.durability.snapshot import DamagedSnapshot, SnapshotFiles
from twilight.core.ports import Kafka, Reader
from twilight.domain.books.state import State
from twilight.domain.engine import Engine
from twilight.domain.model.errors import DomainError
from twilight.ops.errors import Corrupt
from twilight.ops.logs import get
from twilight.wire.errors import Quarantine
from twilight.wire.events import AdvanceStateQueueEvent, Event, decode_event, kind_of
from twilight.wire.keys import EventKey, decode_key
from twilight.wire.translate import Untranslatable, event_from_wire

FOLD_BATCH = 5_000
READ_WAIT_S = 0.02

log = get(__name__)


def fold(engine: Engine, offset: int, key: bytes | None, value: bytes | None, timestamp_ms: int) -> str:
    """Apply one record of the event log and return its kind; raises `Corrupt` that names the offset."""
    try:
        event = decode_event(value, timestamp_ms)
    except Quarantine as fault:
        raise _unfoldable(offset, fault) from fault
    fold_event(engine, offset, event, decode_key(key))
    return kind_of(event)


def fold_event(engine: Engine, offset: int, event: Event, key: EventKey | str) -> None:
    """Apply one event of the log that was read already; raises `Corrupt` that names the offset."""
    if isinstance(event, AdvanceStateQueueEvent):
        return
    agg_id, metadata = (key, None) if isinstance(key, str) else (key.agg_id, key.metadata)
    try:
        engine.fold(event_from_wire(event, agg_id, metadata))
    except (Quarantine, Untranslatable, DomainError, LookupError, ValueError) as fault:
        raise _unfoldable(offset, fault) from fault


def _unfoldable(offset: int, fault: Exception) -> Corrupt:
    return Corrupt(f"the event at offset {offset} cannot be folded: {fault}")


class Start(NamedTuple):
    """At which offsets the log and the topic of intents go on."""

    log: int = 0
    intents: int = 0


def from_snapshot(files: SnapshotFiles, log_id: str, engine: Engine, ends: Start) -> Start:
    """Put the newest good snapshot into the engine; return where the topics go on, at their start without one.

    One that knows more than the topics hold until their ``ends`` is as bad as a damaged one: what it knows is lost.
    """
    for path, body in files.candidates():
        try:
            if isinstance(body, DamagedSnapshot):
                raise body
            saved = memory.load(body, log_id)
            _check_ends(Start(saved.next_offset, saved.next_intent), ends)
        except DamagedSnapshot as damage:
            log.warning("snapshot left aside", path=str(path), reason=str(damage))
        else:
            engine.state = saved.state
            log.info("snapshot loaded", path=str(path), next_offset=saved.next_offset, taken_ns=saved.taken_ns)
            return Start(saved.next_offset, saved.next_intent)
    engine.state = State()
    return Start()


def _check_ends(start: Start, ends: Start) -> None:
    for name, goes_on, end in (("log", start.log, ends.log), ("topic of intents", start.intents, ends.intents)):
        if goes_on > end:
            raise DamagedSnapshot(f"expected a state of the {name} up to its end {end} at most, found {goes_on}")


def end_of(kafka: Kafka, brokers: str, topic: str) -> int:
    """Return the last stable offset of a topic; raises `Unavailable`."""
    reader = kafka.reader(brokers, topic, 0)
    try:
        return reader.end_offset()
    finally:
        reader.close()


Fold = Callable[[Engine, int, bytes | None, bytes | None, int], str]


class Follower:
    """Reads a topic behind whoever writes it, and folds it.

    ``offset`` is that of the last record in the state, -1 before the first one.
    """

    def __init__(self, engine: Engine, reader: Reader, start: int, fold_one: Fold = fold) -> None:
        self._fold_one = fold_one
        self.engine = engine
        self.reader = reader
        self._start = start
        self.offset = start - 1
        self.folded = 0

    @property
    def position(self) -> int:
        """The offset of the next record; the reader knows it only after it has met a first one."""
        return max(self._start, self.reader.position())

    def follow(self, timeout_s: float) -> int:
        """Fold what is there and return how many events that was."""
        records = self.reader.read(FOLD_BATCH, timeout_s)
        for record in records:
            self._fold(record)
        return len(records)

    def to_end(self, on_progress: Callable[[int], None] = lambda _folded: None) -> None:
        """Fold everything that is stable when this is called; raises `Unavailable` when Kafka is away."""
        end = self.reader.end_offset()
        while self.position < end:
            if self.follow(READ_WAIT_S):
                on_progress(self.folded)

    def _fold(self, record: Record) -> None:
        self._fold_one(self.engine, record.offset, record.key, record.value, record.timestamp_ms)
        self.offset = record.offset
        self.folded += 1
