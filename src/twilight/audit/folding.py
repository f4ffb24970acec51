"""The log folded by the engine, beside the money and the totals that its events tell of."""

from collections import Counter
from uuid import uuid4

from twilight.archiver.record import Entry
from twilight.audit.books import Books
from twilight.audit.core import CoreState
from twilight.audit.finding import Figures, Finding, finding
from twilight.audit.repeats import Repeats
from twilight.audit.totals import Totals
from twilight.bus import Record
from twilight.core.chain import fold_intent
from twilight.core.durability.recovery import fold, fold_event
from twilight.domain.books.invariants import violations
from twilight.domain.books.snapshot import state_hash
from twilight.domain.books.state import State
from twilight.domain.engine import new_engine
from twilight.domain.model.inflight import Intent
from twilight.ops.errors import Corrupt

HASH_CHARACTERS_SHOWN = 16


class LogFold:
    """Takes the log entry by entry. `core` is what the core says of itself, None when it is left out."""

    def __init__(self, core: CoreState | None) -> None:
        self._core = core
        self._engine = new_engine(lambda: str(uuid4()))
        self._fault: str | None = None
        self._hash_at_core: str | None = None
        self._events = 0
        self._offset = -1
        self._books, self._totals, self._repeats = Books(), Totals(), Repeats()

    @property
    def state(self) -> State:
        """The exchange after the log so far."""
        return self._engine.state

    def take(self, entry: Entry) -> None:
        """Fold one entry."""
        offset = self._offset = entry.source.offset
        self._events += 1
        self._repeats.take(entry)
        if self._fault is None:
            try:
                self._fold(entry)
            except Corrupt as fault:
                self._fault = str(fault)
        if entry.event is not None and entry.duplicate_of is None:
            self._books.take(entry.event)
            self._totals.take(offset, entry.event, self.state)
        if self._core is not None and offset == self._core.offset:
            self._hash_at_core = state_hash(self.state)

    def _fold(self, entry: Entry) -> None:
        """Fold what was read already; what could not be read is read again, and says why."""
        if entry.event is not None:
            fold_event(self._engine, entry.source.offset, entry.event, entry.key)
        else:
            fold(self._engine, entry.source.offset, entry.key_raw, entry.payload_raw, entry.broker_ms)

    def take_intent(self, record: Record) -> None:
        """Fold one write-ahead intent, after the log as a leader does: one whose answer is in it opens nothing."""
        try:
            fold_intent(self._engine, record.offset, record.key, record.value, record.timestamp_ms)
        except Corrupt as fault:
            self._fault = self._fault or str(fault)

    def in_flight(self) -> list[Intent]:
        """Return what the chain owes an answer, and what waits for the pool's turn."""
        return list(self.state.asked())

    def findings_at_a_whole(self) -> list[Finding]:
        """Return what must hold wherever a transaction of the core has ended."""
        state = self.state
        figures: Figures = {"orders": len(state.positions), "deposits": len(state.deposits)}
        return [
            finding("invariants", figures, violations(state)),
            self._totals.close(state),
            self._books.close(),
            self._chain_finding(),
        ]

    def findings(self) -> list[Finding]:
        """Return what is known once the whole log was taken."""
        return [self._core_finding(), self._repeats.close()]

    def _chain_finding(self) -> Finding:
        """Say what is in flight: that alone is no fault, however long it takes."""
        operations = Counter("waiting" if one.operation is None else one.operation.value for one in self.in_flight())
        figures: Figures = {"in_flight": operations.total(), **dict(sorted(operations.items()))}
        return finding("asked of the chain", figures, [])

    def _core_finding(self) -> Finding:
        figures: Figures = {"events": self._events, "offset": self._offset}
        faults = [] if self._fault is None else [self._fault]
        if self._core is None:
            figures |= {"state_hash": state_hash(self.state)[:HASH_CHARACTERS_SHOWN], "core": "not looked at"}
            return finding("log fold", figures, faults)
        core_hash, core_offset = self._core
        figures |= {"core_offset": core_offset, "state_hash": core_hash[:HASH_CHARACTERS_SHOWN]}
        if self._hash_at_core != core_hash and not faults:
            faults.append(f"the core says {core_hash}, the log folds to {self._hash_at_core} at offset {core_offset}")
        return finding("log fold = core", figures, faults)
