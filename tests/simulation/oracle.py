"""What must be true of the committed log after a run, whatever went wrong in it.

The money and the answers are judged by `twilight.audit`, which knows no rule of the exchange; everything else follows
from what the simulation saw.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from tests.simulation.chain import ChainJudge
from tests.simulation.cluster import Topic, Transaction
from tests.simulation.cores import Records
from tests.simulation.market import sent_s

from twilight.audit.answers import Answers
from twilight.audit.books import Books
from twilight.audit.finding import Finding
from twilight.bus import Record
from twilight.core.durability import memory
from twilight.core.durability.recovery import fold
from twilight.domain.books.invariants import violations
from twilight.domain.books.snapshot import state_hash
from twilight.domain.engine import Engine, new_engine
from twilight.wire import events as e
from twilight.wire.events import decode_event
from twilight.wire.keys import EventKey, decode_key

NEEDS_A_PRICE = frozenset({"TraderOrder", "TraderOrderUpdate", "TraderOrderLiquidation"})
TRADED = frozenset({"FILLED", "SETTLED", "LIQUIDATE"})


def fresh_engine() -> Engine:
    """Return an engine that only folds."""
    return new_engine(lambda: "")


@dataclass
class Oracle:
    """Reads the committed log once and collects every fault."""

    records: Records
    holders: Mapping[int, str]
    """Which core was given each epoch of the writer."""
    topic_ids: Mapping[str, str]
    """Queue name to the id of its topic."""
    arrived_ms: Mapping[str, Mapping[int, int]] | None
    """Queue name to offset to the time at which the brokers took the record; None: prices need not be younger (R5)."""
    chain: ChainJudge | None = None
    faults: list[str] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    engine: Engine = field(default_factory=fresh_engine)
    offset: int = -1
    answers: Answers = field(init=False)
    kinds: Counter[str] = field(default_factory=Counter)
    not_commands: int = 0
    _books: Books = field(default_factory=Books)
    _decided_in: dict[tuple[str, int], Transaction | None] = field(default_factory=dict)
    _reached: dict[str, int] = field(default_factory=dict)
    _hours: list[int] = field(default_factory=list)
    _priced_epoch: int | None = None
    _accepted_ns: int = 0

    def __post_init__(self) -> None:
        self.answers = Answers(dict(self.topic_ids))

    def read(self, log: Topic, hash_at: Sequence[int]) -> None:
        """Fold the log; remember the hash at each of the offsets."""
        wanted = set(hash_at)
        for record, transaction in log.committed():
            fold(self.engine, record.offset, record.key, record.value, record.timestamp_ms)
            self._take(record, transaction)
            self.offset = record.offset
            if record.offset in wanted:
                self.hashes[record.offset] = state_hash(self.engine.state)
        self.hashes[self.offset] = state_hash(self.engine.state)

    def _take(self, record: Record, transaction: Transaction | None) -> None:
        event, key = decode_event(record.value, record.timestamp_ms), decode_key(record.key)
        assert isinstance(key, EventKey)
        self.kinds[key.event_type] += 1
        self._books.take(event)
        self.answers.take(event, key, record.offset)
        metadata = key.metadata or {}
        if self.chain is not None:
            self.chain.outcomes |= {metadata["intent"]} if "intent" in metadata else set()
        if "queue" in metadata:
            self._command(record.offset, metadata, transaction)
        if "funding_hour" in metadata and isinstance(event, e.FundingRateUpdateEvent):
            self._hours.append(int(metadata["funding_hour"]))
        if (
            isinstance(event, e.TxHashEvent)
            and event.order_status == "SerializationError"
            and "request_id" not in metadata
        ):
            self.not_commands += 1
        self._price(event, key, transaction, record)

    def _command(self, offset: int, metadata: Mapping[str, str], transaction: Transaction | None) -> None:
        """A command is decided once, in one transaction, in the order of its queue; with a chain when it answers."""
        if self.chain is not None:
            return
        place = metadata["queue"], int(metadata["offset"])
        if self._decided_in.setdefault(place, transaction) is not transaction:
            self.faults.append(f"offset {offset}: the command at {place} was decided in two transactions")
        if place[1] < self._reached.get(place[0], -1):
            self.faults.append(f"offset {offset}: {place} was decided after {self._reached[place[0]]}")
        self._reached[place[0]] = place[1]

    def _price(self, event: e.Event, key: EventKey, transaction: Transaction | None, record: Record) -> None:
        """Nothing trades before the first tick of the core that writes, nor at a price older than its command."""
        if isinstance(event, e.CurrentPriceUpdateEvent):
            assert transaction is not None
            self._priced_epoch = transaction.epoch
            text = (key.metadata or {}).get("tick", "")
            self._accepted_ns = self.records.accepted_ns.get((self.holders[transaction.epoch], text), -1)
            if self._accepted_ns < 0:
                self.faults.append(f"offset {record.offset}: a price that no core accepted: {text!r}")
            elif sent_s(text) * 1000 > record.timestamp_ms + 1:
                self.faults.append(f"offset {record.offset}: a price from the future")
            return
        order = getattr(event, "order", None)
        if key.event_type in NEEDS_A_PRICE and order is not None and order.order_status in TRADED:
            late = "intent" in (key.metadata or {})  # what the chain has answered was decided at the price of then
            if not late and self._priced_epoch != (transaction.epoch if transaction else None):
                self.faults.append(f"offset {record.offset}: {key.agg_id} traded before the first tick of its core")
            self._fresh(key, record)

    def _fresh(self, key: EventKey, record: Record) -> None:
        metadata = key.metadata or {}
        if "queue" not in metadata or self.arrived_ms is None:
            return
        arrived_ms = self.arrived_ms[metadata["queue"]][int(metadata["offset"])]
        if self._accepted_ns // 1_000_000 < arrived_ms:
            self.faults.append(f"offset {record.offset}: {key.agg_id} traded at a price older than its command")

    # --- at the end -----------------------------------------------------------------------------------------

    def judge(self, queues: Mapping[str, Topic], failed: Topic) -> list[str]:
        """Return every fault; an empty list is a right run."""
        self._judge_hashes()
        for found in self.judge_answers(queues):
            self.faults += [f"{found.name}: {fault}" for fault in found.faults]
        self.faults += self._books.close().faults
        self.faults += violations(self.engine.state)
        if self._hours != sorted(set(self._hours)):
            self.faults.append(f"funding hours {self._hours}")
        kept = sum(1 for _ in failed.committed())
        if kept != self.not_commands:
            self.faults.append(f"{self.not_commands} records were no commands, {kept} are kept in {failed.name}")
        return self.faults

    def judge_answers(self, queues: Mapping[str, Topic]) -> list[Finding]:
        """Return whether every command of every queue has its answers, and every answer its command."""
        for name, topic in queues.items():
            queue = self.answers.queues[name]
            queue.judge(record for record, _ in topic.committed())
            queue.pass_over(topic.stable_end)
            queue.close(0)
        return self.answers.findings()

    def _judge_hashes(self) -> None:
        for shown, offset in self.records.shown:
            if self.hashes.get(offset) != shown:
                self.faults.append(
                    f"a core showed {shown[:12]} at {offset}, the log folds to {self.hashes.get(offset)}"
                )
        for shown, offset in self._of_snapshots():
            if self.hashes.get(offset) != shown:
                self.faults.append(f"a snapshot of offset {offset} is not what the log folds to")

    def _of_snapshots(self) -> Iterator[tuple[str, int]]:
        for body in self.records.snapshots:
            saved = memory.load(body, log_id_of(body))
            yield state_hash(saved.state), saved.next_offset - 1


def log_id_of(body: bytes) -> str:
    """Return the log that a snapshot says it belongs to."""
    head: dict[str, object] = msgspec.json.decode(body)
    return str(head["log_id"])


def shown_offsets(records: Records) -> list[int]:
    """Return every offset at which a hash is wanted."""
    snapshots = [int(msgspec.json.decode(body)["next_offset"]) - 1 for body in records.snapshots]
    return [offset for _, offset in records.shown] + snapshots
