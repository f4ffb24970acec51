"""The exchange in memory and the records that say what happened to it: inputs in, a batch of records out.

No I/O. Events are applied as soon as they are decided, so that the next command sees them, but nothing of a
batch may leave the process before the batch is in the log (decisions C2).
"""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from twilight.bus import MESSAGE_BYTES_MAX, RUST_BATCH_BYTES_MAX, Outgoing
from twilight.core.chain.intents import intent_record
from twilight.core.inputs.arrivals import Arrival, kept_bytes
from twilight.domain.books.evolve import evolve_all
from twilight.domain.engine import Engine, decisions
from twilight.domain.isolating import NOT_JUDGED
from twilight.domain.model.errors import DomainError, NotWritable
from twilight.domain.model.events import Event, IntentOpened, TxHash, TxHashUpdate
from twilight.domain.model.inflight import Intent
from twilight.domain.model.inputs import CommandInput, Conditions, Input, NotACommand, QueuePosition
from twilight.domain.model.orders import OrderStatus, TxHashData
from twilight.ops.logs import get
from twilight.wire.errors import Unencodable
from twilight.wire.translate import encode_all

EVENT_BYTES_MAX = MESSAGE_BYTES_MAX - 4_096
"""What a topic takes, less what Kafka writes around a record."""

RUST_EVENT_BYTES_MAX = RUST_BATCH_BYTES_MAX - 1_024
"""The same where services of the reference read the log (decisions F1)."""

log = get(__name__)


class DecisionFailed(Exception):
    """The engine could not decide, or the wire cannot carry what it decided; nothing of the decision was applied."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Where records go."""

    events: str
    failed: str
    intents: str


@dataclass(slots=True)
class Batch:
    """What one transaction will hold, and what metrics count of it.

    The events themselves are let go: to keep some hundred thousand objects costs more time than to decide them.
    """

    records: list[Outgoing] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    """What is to be sent to the chain when the batch is in the log."""
    value_bytes: int = 0
    commands: int = 0
    repeated: int = 0
    """Commands that were answered before (C7), or read before (C5): nothing is said of them again."""
    _kinds: list[type[Event]] = field(default_factory=list)
    _refused: Counter[str] = field(default_factory=Counter)
    _not_judged: list[TxHashData] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.records)

    def add(self, step: Sequence[Event], records: list[Outgoing]) -> None:
        """Append the records of one decision."""
        self.records += records
        self.value_bytes += sum([len(value) for _, _, value in records])
        self._kinds += map(type, step)
        for event in step:
            if type(event) is TxHash:
                if event.data.status in REFUSALS:
                    self._refused[_reason(event.data)] += 1
            elif type(event) is TxHashUpdate:
                if event.agg_id.startswith(NOT_JUDGED):
                    self._not_judged.append(event.data)
            elif type(event) is IntentOpened and event.intent.operation is not None:  # others wait for their turn
                self.intents.append(event.intent)

    def add_beside(self, record: Outgoing) -> None:
        """Append a record that is no event."""
        self.records.append(record)

    def kinds(self) -> Counter[str]:
        """Count the events by kind."""
        counted = Counter({kind.kind: count for kind, count in Counter(self._kinds).items()})
        del counted[IntentOpened.kind]  # no event of the log
        return counted

    def refusals(self) -> Counter[str]:
        """Count the requests that were refused, by the gate's code or by status."""
        return self._refused

    def not_judged(self) -> list[TxHashData]:
        """Return the reports of orders on which the engine failed."""
        return self._not_judged


class Exchange:
    """The engine and the batch that is being made."""

    def __init__(self, engine: Engine, topics: Topics, event_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self.engine = engine
        self._event_bytes_max = event_bytes_max
        self._topics = topics
        self.batch = Batch()
        self._passed: dict[str, QueuePosition] = {}
        """Where repeated commands stood that no event tells of yet."""

    @property
    def events_topic(self) -> str:
        """The topic of the event log."""
        return self._topics.events

    def take(self, given: Input, conditions: Conditions) -> None:
        """Decide one input and add its events to the batch; raises what the domain refuses an administrator."""
        try:
            self._decide(given, conditions)
        except DecisionFailed as failure:
            if isinstance(failure.__cause__, DomainError):
                raise failure.__cause__ from None
            raise

    def take_arrival(self, arrival: Arrival, conditions: Conditions) -> None:
        """Decide what stood on an order queue; whatever it is, it is answered and the queue goes on."""
        before = self.batch.count
        self.batch.commands += 1
        try:
            self._decide(arrival.given, conditions)
        except DecisionFailed as failure:
            # what no record can carry is a client's doing and wakes nobody
            tell = log.warning if isinstance(failure.__cause__, Unencodable | NotWritable) else log.exception
            tell("a command could not be decided", position=arrival.given.position, reason=str(failure))
            if self.batch.count == before:
                self._decide(_undecided(arrival.given, failure), conditions)
            self._keep_bytes(arrival, conditions)
        else:
            if self.batch.count == before:
                self.batch.repeated += 1
                self._pass(arrival.given.position)
            elif not arrival.is_command:
                self._keep_bytes(arrival, conditions)

    def end_batch(self) -> Batch:
        """Return the finished batch and begin the next one."""
        finished, self.batch = self.batch, Batch()
        return finished

    def _decide(self, given: Input, conditions: Conditions) -> None:
        """Encode before applying: what cannot be written must not have happened."""
        engine, batch = self.engine, self.batch
        steps = decisions(engine.state, given, conditions, engine.context)
        while (decided := self._next(steps)) is not None:
            step, records = decided
            evolve_all(engine.state, step)
            if self._passed and "passed" in (step[0].metadata or ()):
                self._passed.clear()
            batch.add(step, records)

    def _next(self, steps: Iterator[Sequence[Event]]) -> tuple[Sequence[Event], list[Outgoing]] | None:
        """Return the next decision and its records, None after the last one; the caller must apply it."""
        try:
            step = next(steps, None)
            while step is not None:
                self._tell_passed(step)
                try:
                    return step, self._records(step)
                except Unencodable as fault:
                    step = _decided_otherwise(steps, fault)
        except _FAULTS as cause:
            raise DecisionFailed(f"{type(cause).__name__}: {cause}") from cause
        return None

    def _records(self, step: Sequence[Event]) -> list[Outgoing]:
        """Return the records of a decision.

        Raises:
            Unencodable: the wire cannot carry it, or the log would not take it: its batch could never be written, at
                no restart either.
        """
        records: list[Outgoing] = []
        if IntentOpened in map(type, step):
            records += [intent_record(one, self._topics.intents) for one in step if type(one) is IntentOpened]
            step = [event for event in step if type(event) is not IntentOpened]
        topic = self._topics.events
        records += [(topic, key, value) for key, value in encode_all(step)]
        for _, key, value in records:
            if len(value) + len(key or b"") > self._event_bytes_max:
                raise Unencodable(f"expected a record of at most {self._event_bytes_max} bytes, found {len(value)}")
        return records

    def _pass(self, position: QueuePosition | None) -> None:
        if position is not None:
            self._passed[position.queue] = position

    def _tell_passed(self, step: Sequence[Event]) -> None:
        """Let the next event carry how far repeated commands were read.

        They emit nothing, so nothing else would say it, and a core that starts again after the window of request ids
        has moved on would execute them (C5, C7). As only events move the window, none does without this.
        """
        if not self._passed or type(step[0]) is IntentOpened:
            return
        first = step[0]
        told = " ".join(f"{at.queue} {at.topic_id} {at.offset}" for at in self._passed.values())
        first.metadata = {**(first.metadata or {}), "passed": told}

    def _keep_bytes(self, arrival: Arrival, conditions: Conditions) -> None:
        """Write the bytes as the order gateways write what they refuse: a JSON string of hex (wire 7.1)."""
        key = f"CoreCommandfailed-{conditions.now_us}".encode()
        room = (self._event_bytes_max - len(key) - 2) // 2  # two hex digits a byte, between quotation marks
        kept = kept_bytes(arrival.value)[:room]
        self.batch.add_beside((self._topics.failed, key, msgspec.json.encode(kept.hex())))


def _decided_otherwise(steps: Iterator[Sequence[Event]], fault: Unencodable) -> Sequence[Event] | None:
    """Tell the engine that the wire cannot carry a decision; return what it decides instead, or raise the fault."""
    if not isinstance(steps, Generator):
        raise fault
    try:
        return cast("Sequence[Event]", steps.throw(NotWritable(str(fault))))
    except StopIteration:
        return None


_BY_RISK = OrderStatus.REJECTED_BY_RISK_ENGINE
REFUSALS = frozenset(
    {
        _BY_RISK,
        OrderStatus.CANCELLED,
        OrderStatus.DUPLICATE_ORDER,
        OrderStatus.ORDER_NOT_FOUND,
        OrderStatus.REJECTED_FROM_CHAIN,
        OrderStatus.UTXO_ERROR,
        OrderStatus.SERIALIZATION_ERROR,
        OrderStatus.ERROR,
    }
)


_FAULTS = (DomainError, Unencodable, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)


def _reason(data: TxHashData) -> str:
    """Return the code that the reason of the gate begins with, else the status."""
    return (data.reason or "").partition(" ")[0] if data.status is _BY_RISK else data.status.value


def _undecided(given: CommandInput, failure: DecisionFailed) -> CommandInput:
    request_id = getattr(given.command, "request_id", "")
    stand_in = NotACommand(f"could not be decided: {failure}", request_id)
    return CommandInput(stand_in, given.position, given.key, given.broker_time_ms)
