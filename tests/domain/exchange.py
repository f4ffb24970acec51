"""A small exchange for tests: commands in the words a trader would use, one step of time per input."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tests.domain.previews import assert_previewed, preview_of

from twilight.domain.books.invariants import violations
from twilight.domain.books.snapshot import dump, load, state_hash
from twilight.domain.books.state import Deposit, State
from twilight.domain.engine import Engine, decide, new_engine
from twilight.domain.funding import records as funding_records
from twilight.domain.model import commands as c
from twilight.domain.model.chain import Accepted, Chain, Refusal, Refused, synthetic_hash
from twilight.domain.model.events import Event, IntentOpened, TxHash, TxHashUpdate
from twilight.domain.model.inflight import Intent
from twilight.domain.model.inputs import (
    Admin,
    AdminCall,
    ChainAnswer,
    CommandInput,
    Conditions,
    FeedStatus,
    FundingHour,
    FundingSlice,
    Genesis,
    Input,
    QueuePosition,
    Tick,
    gating_status,
)
from twilight.domain.model.orders import OrderStatus, OrderType, Side, TraderOrder, TxHashData
from twilight.domain.model.profile import DEFAULT, Profile

E = TypeVar("E")
START_NS = 1_775_808_000_000_000_000  # 2026-04-10T08:00:00Z
SECOND_NS = 1_000_000_000
LONG, SHORT = Side.LONG, Side.SHORT


@contextmanager
def slices_of(records: int) -> Iterator[None]:
    """Cut hours of more than so many records into slices, as if they were large."""
    before = funding_records.SLICE
    funding_records.SLICE = records
    try:
        yield
    finally:
        funding_records.SLICE = before


def numbered_uuids(prefix: str = "00000000") -> Callable[[], str]:
    """Return a source of uuids that are the same in every run."""
    count = 0

    def new() -> str:
        nonlocal count
        count += 1
        return f"{prefix}-0000-4000-8000-{count:012x}"

    return new


@dataclass
class Exchange:
    """An engine with a clock, a feed and request ids; every input is checked against the invariants."""

    profile: Profile = DEFAULT
    chain: Chain | None = None
    tlv: int = 200_000_000
    tps: int = 200_000
    price: float | None = 65_000
    checked: bool = True
    now_ns: int = START_NS
    status: FeedStatus = FeedStatus.STARTING
    events: list[Event] = field(default_factory=list)
    engine: Engine = field(init=False)
    request: int = 0

    def __post_init__(self) -> None:
        self.engine = new_engine(numbered_uuids(), self.profile, self.chain)
        genesis = Genesis("00000000-0000-4000-8000-00000000beef", self.tlv, self.tps)
        self.give(genesis)
        if self.price is not None:
            self.tick(self.price)

    @property
    def state(self) -> State:
        return self.engine.state

    # --- inputs ---

    def give(self, given: Input) -> list[Event]:
        """Apply one input, then check that nothing that must hold is broken."""
        self.now_ns += SECOND_NS
        conditions = Conditions(self.now_ns, self.status)
        made = self.engine.apply(given, conditions)
        self.events += made
        if self.checked:
            assert violations(self.state) == []
        return made

    def tick(self, price: float, status: FeedStatus = FeedStatus.HEALTHY, flags: Sequence[str] = ()) -> list[Event]:
        self.status = gating_status(status, tuple(flags))
        return self.give(Tick(float(price), status, tuple(flags)))

    def fund_without_slices(self, hour: int | None = None) -> list[Event]:
        if hour is None:
            self.now_ns += 3600 * SECOND_NS
            hour = self.now_ns // (3600 * SECOND_NS)
        return self.give(FundingHour(hour))

    def fund(self, hour: int | None = None) -> list[Event]:
        made = self.fund_without_slices(hour)
        while self.state.open_hour is not None:
            made += self.next_slice()
        return made

    def next_slice(self) -> list[Event]:
        self.now_ns -= SECOND_NS  # no time goes by
        return self.give(FundingSlice())

    def admin(self, call: AdminCall) -> list[Event]:
        return self.give(Admin(call))

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND_NS)

    def command(self, command: Any, position: QueuePosition | None = None, age_s: float = 0) -> list[Event]:
        broker = (self.now_ns + SECOND_NS) // 1_000_000 - int(age_s * 1000)
        conditions = Conditions(self.now_ns + SECOND_NS, self.status)
        preview = None if age_s else preview_of(self.state, command, conditions, self.engine.context)
        made = self.give(CommandInput(command, position, "key", broker))
        assert_previewed(preview, made)
        assert len(keys(made)) == len(made)  # W-23
        return made

    def open(
        self,
        account: str,
        side: Side = LONG,
        margin: float = 100_000,
        leverage: float = 10,
        limit: float | None = None,
        **changes: Any,
    ) -> list[Event]:
        request = c.OpenRequest(
            account,
            side,
            OrderType.MARKET if limit is None else OrderType.LIMIT,
            float(leverage),
            float(margin),
            float(margin),
            OrderStatus.PENDING,
            float(limit or 0),
            float(limit or 0),
        )
        return self.command(c.CreateTraderOrder(replace(request, **changes), {}, "00", self.next_request()))

    def open_with_legs(
        self,
        account: str,
        side: Side = LONG,
        *,
        sl: float | None = None,
        tp: float | None = None,
        limit: float | None = None,
        settle: str | None = "5e77",
    ) -> list[Event]:
        request = c.OpenRequest(
            account,
            side,
            OrderType.MARKET if limit is None else OrderType.LIMIT,
            10.0,
            100_000.0,
            100_000.0,
            OrderStatus.PENDING,
            float(limit or 0),
            0.0,
        )
        sltp = c.SlTp(sl, tp)
        return self.command(c.CreateTraderOrderSlTp(request, sltp, settle, {}, "00", self.next_request()))

    def close(
        self,
        account: str,
        limit: float | None = None,
        *,
        uuid: str | None = None,
        order_type: OrderType | None = None,
        age_s: float = 0,
    ) -> list[Event]:
        kind = order_type or (OrderType.MARKET if limit is None else OrderType.LIMIT)
        request = c.CloseRequest(account, uuid or self.uuid(account), kind, 0.0, OrderStatus.FILLED, float(limit or 0))
        return self.command(c.ExecuteTraderOrder(request, {}, "c105e0", self.next_request()), age_s=age_s)

    def legs(
        self, account: str, sl: float | None = None, tp: float | None = None, uuid: str | None = None
    ) -> list[Event]:
        request = c.CloseRequest(account, uuid or self.uuid(account), OrderType.SLTP, 0.0, OrderStatus.FILLED, 0.0)
        sltp = c.SlTp(sl, tp)
        return self.command(c.ExecuteTraderOrderSlTp(request, sltp, {}, "5e77", self.next_request()))

    def cancel(self, account: str, order_type: OrderType = OrderType.LIMIT, uuid: str | None = None) -> list[Event]:
        request = c.CancelRequest(account, uuid or self.uuid(account), order_type, OrderStatus.PENDING)
        return self.command(c.CancelTraderOrder(request, {}, "ca", self.next_request()))

    def cancel_legs(
        self,
        account: str,
        *,
        sl: bool = False,
        tp: bool = False,
        order_type: OrderType = OrderType.SLTP,
        uuid: str | None = None,
    ) -> list[Event]:
        request = c.CancelRequest(account, uuid or self.uuid(account), order_type, OrderStatus.FILLED)
        flags = c.SlTpCancel(sl, tp)
        return self.command(c.CancelTraderOrderSlTp(request, flags, {}, "ca", self.next_request()))

    def lend(self, account: str, sats: float) -> list[Event]:
        request = c.DepositRequest(account, float(sats), OrderType.LEND, OrderStatus.PENDING, float(sats))
        return self.command(c.CreateLendOrder(request, {}, "00", self.next_request()))

    def withdraw(self, account: str, uuid: str | None = None) -> list[Event]:
        uuid = uuid or self.state.lender_accounts.get(account, "00000000-0000-4000-8000-0000000000ff")
        request = c.WithdrawalRequest(account, uuid, OrderType.LEND, 0.0, OrderStatus.FILLED, 0.0)
        return self.command(c.ExecuteLendOrder(request, {}, "00", self.next_request()))

    def next_request(self) -> str:
        self.request += 1
        return f"REQID{self.request:064X}"

    # --- what a test looks at ---

    def uuid(self, account: str) -> str:
        return self.state.trader_accounts.get(account, "00000000-0000-4000-8000-0000000000ff")

    def order(self, account: str) -> TraderOrder:
        return self.state.positions[self.uuid(account)].order

    def deposit(self, account: str) -> Deposit:
        return self.state.deposits[self.state.lender_accounts[account]]

    def answer(self, intent: Intent, *, accepts: bool = True) -> list[Event]:
        """Let the chain answer an intent."""
        outcome: Accepted | Refused = Refused(Refusal.REJECTED, "no")
        if accepts:
            outcome = Accepted(synthetic_hash(intent.request()))
        return self.give(ChainAnswer(intent.uuid, intent.id, outcome))

    def refold(self, events: Sequence[Event] | None = None) -> State:
        """Fold all events into an empty state: what recovery would find."""
        fresh = Engine(State(), self.engine.context)
        for event in self.events if events is None else events:
            fresh.fold(event)
        return fresh.state

    def assert_recoverable(self) -> None:
        expected, state = state_hash(self.state), self.state
        for found in (self.refold(), load(dump(state))):
            assert state_hash(found) == expected
            assert (found.intents, found.waiting) == (state.intents, state.waiting)
        assert state_hash(self.refold([e for e in self.events if not isinstance(e, IntentOpened)])) == expected

    def would(self, given: Input) -> list[Event]:
        return decide(self.state, given, Conditions(self.now_ns + SECOND_NS, self.status), self.engine.context)


def kinds(events: Sequence[Event]) -> list[str]:
    """Return the wire's kinds, in order."""
    return [event.kind for event in events]


def keys(events: Sequence[Event]) -> dict[tuple[object, ...], Event]:
    """Return the newest event of each record key."""
    return {(event.kind, event.agg_id, *sorted((event.metadata or {}).items())): event for event in events}


def aggregates(events: Sequence[Event]) -> list[str]:
    return [event.agg_id for event in events]


def answers(events: Sequence[Event]) -> list[TxHashData]:
    return [event.data for event in events if isinstance(event, TxHash | TxHashUpdate)]


def statuses(events: Sequence[Event]) -> list[str]:
    return [record.status.value for record in answers(events)]


def reason(events: Sequence[Event]) -> str:
    """Return the only answer's reason."""
    (record,) = answers(events)
    return record.reason or ""


def only(kind: type[E], events: Sequence[Event]) -> E:
    """Return the only event of that kind."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found
