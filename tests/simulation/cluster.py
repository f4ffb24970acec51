"""A Kafka cluster as far as the core can tell: topics with gaps, transactions, fencing, the last stable offset.

Written from Kafka's published protocol: a transaction is decided at its coordinator first and its markers reach the
topics one after the other, later; a marker takes an offset; readers of committed records stop at the first offset of
an open transaction; a newer producer of the same name fences the older one and rolls its open transaction back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from tests.simulation.virtual_time import NS, VirtualTime

from twilight.bus import Fenced, Record

MARKER_DELAY_S = (0.0, 0.05)
SLOW_MARKER_DELAY_S = (0.2, 3.0)
SLOW_MARKERS = 0.03


class Fate(Enum):
    OPEN = auto()
    COMMITTED = auto()
    ABORTED = auto()


@dataclass(eq=False)
class Transaction:
    """One transaction of one producer epoch."""

    epoch: int
    fate: Fate = Fate.OPEN
    topics: dict[str, int] = field(default_factory=dict)
    """First offset in each topic whose marker is not yet written."""
    records: int = 0

    @property
    def is_complete(self) -> bool:
        return self.fate is not Fate.OPEN and not self.topics


@dataclass(slots=True)
class Entry:
    """What stands at one offset: a record, or a marker (no record)."""

    record: Record | None
    transaction: Transaction | None = None

    @property
    def is_visible(self) -> bool:
        """Whether a reader of committed records gets it, once the last stable offset has passed it."""
        return self.record is not None and (self.transaction is None or self.transaction.fate is Fate.COMMITTED)


@dataclass
class Topic:
    name: str
    topic_id: str
    entries: list[Entry] = field(default_factory=list)
    open: dict[Transaction, int] = field(default_factory=dict)

    @property
    def stable_end(self) -> int:
        """The last stable offset."""
        return min(self.open.values(), default=len(self.entries))

    def committed(self) -> Iterator[tuple[Record, Transaction | None]]:
        """Yield what a reader of the whole topic would see."""
        for entry in self.entries[: self.stable_end]:
            if entry.is_visible and entry.record is not None:
                yield entry.record, entry.transaction


@dataclass
class Coordinator:
    """What the cluster knows of one transactional id."""

    epoch: int = 0
    current: Transaction | None = None
    holders: dict[int, str] = field(default_factory=dict)
    """Who was given each epoch."""

    @property
    def is_busy(self) -> bool:
        """Whether markers of a decided transaction are still on their way."""
        return self.current is not None and self.current.fate is not Fate.OPEN and not self.current.is_complete


@dataclass
class Cluster:
    """Brokers that are up or down as a whole."""

    name: str
    time: VirtualTime
    random: Random
    topics: dict[str, Topic] = field(default_factory=dict)
    down_until_ns: int = 0
    _coordinators: dict[str, Coordinator] = field(default_factory=dict)

    def is_down(self) -> bool:
        return self.time.now_ns < self.down_until_ns

    def go_down(self, seconds: float) -> None:
        self.down_until_ns = max(self.down_until_ns, self.time.now_ns + int(seconds * NS))

    def ensure(self, name: str) -> Topic:
        if name not in self.topics:
            self.topics[name] = Topic(name, f"{self.name}.{name}.{self.random.getrandbits(32):08x}")
        return self.topics[name]

    def append(self, topic: str, key: bytes | None, value: bytes) -> int:
        """Write a record outside of any transaction, as gateways do."""
        return self._append(self.ensure(topic), key, value, None)

    def leave_gap(self, topic: str) -> None:
        """Let an offset hold no record, as markers and cleaning do."""
        self.ensure(topic).entries.append(Entry(None))

    # --- transactions ---------------------------------------------------------------------------------

    def coordinator(self, transactional_id: str) -> Coordinator:
        return self._coordinators.setdefault(transactional_id, Coordinator())

    def take_over(self, transactional_id: str, holder: str) -> int:
        """Give out a new epoch; the caller has waited until the coordinator is not busy."""
        known = self.coordinator(transactional_id)
        if known.current is not None and known.current.fate is Fate.OPEN:
            self._decide(known.current, Fate.ABORTED)
        known.epoch += 1
        known.holders[known.epoch] = holder
        return known.epoch

    def begin(self, transactional_id: str, epoch: int, timeout_s: float) -> Transaction:
        known = self._unfenced(transactional_id, epoch)
        known.current = transaction = Transaction(epoch)
        self.time.after(timeout_s, lambda: self._expire(known, transaction))
        return transaction

    def append_within(
        self, transactional_id: str, transaction: Transaction, topic: str, key: bytes | None, value: bytes
    ) -> int:
        self._unfenced(transactional_id, transaction.epoch)
        found = self.ensure(topic)
        if topic not in transaction.topics:
            transaction.topics[topic] = found.open[transaction] = len(found.entries)
        transaction.records += 1
        return self._append(found, key, value, transaction)

    def commit(self, transactional_id: str, transaction: Transaction) -> None:
        self._unfenced(transactional_id, transaction.epoch)
        assert transaction.fate is Fate.OPEN
        self._decide(transaction, Fate.COMMITTED)

    def abort(self, transactional_id: str, transaction: Transaction) -> None:
        self._unfenced(transactional_id, transaction.epoch)
        if transaction.fate is Fate.OPEN:
            self._decide(transaction, Fate.ABORTED)

    def _unfenced(self, transactional_id: str, epoch: int) -> Coordinator:
        known = self.coordinator(transactional_id)
        if known.epoch != epoch:
            raise Fenced(f"epoch {epoch} was fenced by {known.epoch}")
        return known

    def _expire(self, known: Coordinator, transaction: Transaction) -> None:
        """The brokers roll back what was left open, and fence who left it."""
        if transaction.fate is Fate.OPEN and known.current is transaction:
            known.epoch += 1
            self._decide(transaction, Fate.ABORTED)

    def _decide(self, transaction: Transaction, fate: Fate) -> None:
        transaction.fate = fate
        slow = self.random.random() < SLOW_MARKERS
        for topic in list(transaction.topics):
            delay_s = self.random.uniform(*(SLOW_MARKER_DELAY_S if slow else MARKER_DELAY_S))
            self.time.after(delay_s, lambda name=topic: self._mark(transaction, name))  # type: ignore[misc]

    def _mark(self, transaction: Transaction, name: str) -> None:
        if self.is_down():
            self.time.after(0.3, lambda: self._mark(transaction, name))
            return
        topic = self.topics[name]
        topic.entries.append(Entry(None, transaction))
        del topic.open[transaction], transaction.topics[name]

    def _append(self, topic: Topic, key: bytes | None, value: bytes, transaction: Transaction | None) -> int:
        offset = len(topic.entries)
        record = Record(topic.name, 0, offset, self.time.now_ns // 1_000_000, key, value)
        topic.entries.append(Entry(record, transaction))
        return offset
