"""Whatever is thrown at the exchange, nothing that must hold is ever broken (engine 13)."""

from math import isfinite

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.domain.exchange import Exchange, answers

from twilight.domain.books.snapshot import state_hash
from twilight.domain.engine import decide
from twilight.domain.model.chain import Attached, Chain, LenientPayloads
from twilight.domain.model.events import (
    CurrentPriceUpdate,
    Event,
    FundingRateUpdate,
    IntentOpened,
    LendOrderEvent,
    PoolUpdate,
    TraderOrderEvent,
    TraderOrderFundingUpdate,
    TraderOrderLiquidation,
    TraderOrderUpdate,
    TxHash,
    TxHashUpdate,
)
from twilight.domain.model.inputs import (
    Conditions,
    FeedStatus,
    RecalculateRiskStateCall,
    SetMarketCloseOnlyCall,
    SetMarketHaltCall,
    Tick,
    UpdateFeesCall,
    UpdateRiskParamsCall,
)
from twilight.domain.model.numbers import score
from twilight.domain.model.orders import OrderStatus, OrderType, Side, TraderOrder
from twilight.domain.model.profile import DEFAULT, REFERENCE, Profile

ACCOUNTS = st.sampled_from([f"trader-{number}" for number in range(6)])
LENDERS = st.sampled_from(["lender-1", "lender-2"])
SIDES = st.sampled_from(list(Side))
MARGINS = st.one_of(
    st.sampled_from([1, 2, 100, 50_000, 100_000, 777_777, 0, -5, 0.5, 2.0**50]), st.integers(1, 400_000)
)
LEVERAGES = st.sampled_from([1, 2, 3, 10, 25, 50, 0, 0.5, 51])
PRICES = st.one_of(
    st.integers(60_000, 70_000),
    st.sampled_from([1, 2, 100, 1_000, 30_000, 64_999, 65_000, 65_001, 100_000, 1_000_000, 10_000_000]),
)
LIMITS = st.one_of(
    PRICES.map(float), st.floats(60_000, 70_000), st.sampled_from([0.0, -1.0, 1e-9, 5e7, float("inf"), float("nan")])
)
MOVES = st.one_of(st.integers(-30, 30), st.floats(-120, 120))
OPTIONAL_MOVES = st.one_of(st.none(), MOVES)
FILLED, SETTLED = OrderStatus.FILLED, OrderStatus.SETTLED


def orders_in(event: Event) -> list[TraderOrder]:
    return [event.order] if hasattr(event, "order") and isinstance(event.order, TraderOrder) else []


class ExchangeMachine(RuleBasedStateMachine):
    """Random commands, ticks, fundings and operators' calls, checked after every one of them."""

    profile: Profile = DEFAULT
    chain: Chain | None = None

    @initialize(
        tlv=st.sampled_from([200_000_000, 200_000_000, 2**45, 1_000_000, 1]), tps=st.sampled_from([200_000, 1, 2**39])
    )
    def found(self, tlv: int, tps: int) -> None:
        self.exchange = Exchange(self.profile, self.chain, tlv=tlv, tps=tps)
        self.genesis = tlv
        self.sats_in = self.sats_out = 0
        self.made: list[Event] = []
        self.nonce = self.exchange.state.pool.nonce
        self.seen: dict[str, set[int]] = {"trader": set(), "lend": {1}, "pool": {1}}

    # --- what traders and lenders do ---

    @rule(account=ACCOUNTS, side=SIDES, margin=st.integers(1, 400_000), leverage=st.integers(1, 50))
    def open_at_the_market(self, account: str, side: Side, margin: int, leverage: int) -> None:
        self.ask(self.exchange.open(account, side, margin, leverage))

    @rule(account=ACCOUNTS, side=SIDES, leverage=st.integers(1, 50), move=MOVES)
    def open_at_a_limit(self, account: str, side: Side, leverage: int, move: float) -> None:
        self.ask(self.exchange.open(account, side, 10_000, leverage, limit=self.moved(move)))

    @rule(account=ACCOUNTS, side=SIDES, limit=OPTIONAL_MOVES, sl=OPTIONAL_MOVES, tp=OPTIONAL_MOVES)
    def open_with_legs(self, account: str, side: Side, limit: float | None, sl: float | None, tp: float | None) -> None:
        prices = {name: self.moved(move) for name, move in (("limit", limit), ("sl", sl), ("tp", tp)) if move}
        self.ask(self.exchange.open_with_legs(account, side, **prices))

    @rule(index=st.integers(0, 5))
    def close_at_the_market(self, index: int) -> None:
        self.ask(self.exchange.close(self.trader(index)))

    @rule(index=st.integers(0, 5), move=MOVES)
    def close_at_a_limit(self, index: int, move: float) -> None:
        self.ask(self.exchange.close(self.trader(index), self.moved(move)))

    @rule(index=st.integers(0, 5), sl=OPTIONAL_MOVES, tp=OPTIONAL_MOVES)
    def set_legs(self, index: int, sl: float | None, tp: float | None) -> None:
        prices = (None if move is None else self.moved(move) for move in (sl, tp))
        self.ask(self.exchange.legs(self.trader(index), *prices))

    @rule(index=st.integers(0, 5))
    def cancel(self, index: int) -> None:
        self.ask(self.exchange.cancel(self.trader(index)))

    @rule(index=st.integers(0, 5), sl=st.booleans(), tp=st.booleans())
    def cancel_legs(self, index: int, *, sl: bool, tp: bool) -> None:
        self.ask(self.exchange.cancel_legs(self.trader(index), sl=sl, tp=tp))

    @rule(account=LENDERS, sats=st.integers(1, 10**9))
    def lend(self, account: str, sats: int) -> None:
        self.ask(self.exchange.lend(account, sats))

    @rule(account=LENDERS, wait_s=st.sampled_from([0, 7200]))
    def withdraw(self, account: str, wait_s: int) -> None:
        self.exchange.wait(wait_s)
        self.ask(self.exchange.withdraw(account))

    # --- what the market does ---

    @rule(move=MOVES)
    def price_moves(self, move: float) -> None:
        self.tick(max(1, round(self.moved(move))))

    @rule(price=PRICES)
    def price_jumps(self, price: float) -> None:
        self.tick(price)

    def tick(self, price: float) -> None:
        self.take(self.exchange.tick(price))
        if self.chain is None and not self.exchange.state.switches.pause_price_feed:
            self.nothing_is_left_that_should_have_fired(price)

    @rule()
    def fund(self) -> None:
        tlv, pending = self.exchange.state.pool.total_locked_value_sats, self.pending()
        made = self.exchange.fund()
        self.take(made)
        if not any(isinstance(event, TraderOrderLiquidation) for event in made):
            assert self.exchange.state.pool.total_locked_value_sats == tlv
        assert self.pending() == pending

    # --- what nobody should do, and what operators do ---

    @rule(data=st.data(), account=ACCOUNTS, side=SIDES)
    def ask_for_nonsense(self, data: st.DataObject, account: str, side: Side) -> None:
        exchange, victim = self.exchange, data.draw(ACCOUNTS)
        limit, flags = data.draw(LIMITS), data.draw(st.tuples(st.booleans(), st.booleans()))
        kind = data.draw(st.sampled_from(list(OrderType)))
        asked = (
            lambda: exchange.open(account, side, data.draw(MARGINS), data.draw(LEVERAGES), limit=limit),
            lambda: exchange.open(account, side, 1_000, 2, order_type=kind),
            lambda: exchange.open_with_legs(account, side, sl=limit, settle=data.draw(st.sampled_from([None, "5e"]))),
            lambda: exchange.close(account, limit, order_type=kind, uuid=exchange.uuid(victim)),
            lambda: exchange.legs(account, limit, uuid=exchange.uuid(victim)),
            lambda: exchange.cancel(account, kind, exchange.uuid(victim)),
            lambda: exchange.cancel_legs(
                account, sl=flags[0], tp=flags[1], order_type=kind, uuid=exchange.uuid(victim)
            ),
            lambda: exchange.lend(account, data.draw(st.sampled_from([0, -1, 400, 600, 2**50, 0.5]))),
        )
        self.ask(data.draw(st.sampled_from(asked))())

    @rule(
        price=PRICES,
        status=st.sampled_from(list(FeedStatus)),
        flags=st.sampled_from([(), ("STEP_LIMITED",)]),
    )
    def odd_tick(self, price: float, status: FeedStatus, flags: tuple[str, ...]) -> None:
        self.take(self.exchange.tick(price, status, flags))

    @rule(data=st.data())
    def operate(self, data: st.DataObject) -> None:
        pause = st.sampled_from([None, True, False])
        fee = data.draw(st.sampled_from([0.0, 0.04, 10.0]))
        multiple = data.draw(st.sampled_from([0.0, 0.1, 4.0, 1000.0]))
        flags = data.draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
        calls = (
            SetMarketHaltCall(*flags, data.draw(pause), data.draw(pause)),
            SetMarketHaltCall(True, cancel_pending_limit_orders=True, cancel_settling_limit_orders=True),
            SetMarketCloseOnlyCall(flags[0]),
            RecalculateRiskStateCall(),
            UpdateFeesCall(fee, fee / 2, fee, fee / 2),
            UpdateRiskParamsCall(multiple, multiple, mm_ratio=data.draw(st.sampled_from([0.25, 0.4, 100.0]))),
        )
        self.take(self.exchange.admin(data.draw(st.sampled_from(calls))))
        if data.draw(st.booleans()):
            self.resume()

    @rule()
    def resume(self) -> None:
        self.take(self.exchange.admin(SetMarketHaltCall(False, pause_funding=False, pause_price_feed=False)))
        self.take(self.exchange.admin(SetMarketCloseOnlyCall(False)))
        self.take(self.exchange.admin(UpdateRiskParamsCall(4.0, 0.8, 0.02, mm_ratio=0.4)))
        self.tick(65_000)

    @rule(price=PRICES)
    def ask_what_a_tick_would_do(self, price: float) -> None:
        state, context = self.exchange.state, self.exchange.engine.context
        before = state_hash(state)
        decide(state, Tick(float(price)), Conditions(self.exchange.now_ns, FeedStatus.HEALTHY), context)
        assert state_hash(state) == before

    def trader(self, index: int) -> str:
        """Return one of those who have an order, so that most requests have something to do."""
        live = list(self.exchange.state.trader_accounts)
        return live[index % len(live)] if live else "nobody"

    def moved(self, permille: float) -> float:
        """Return the current price moved by so many thousandths."""
        return self.exchange.state.price * (1 + permille / 1000)

    # --- what must hold ---

    def ask(self, made: list[Event]) -> None:
        """Take the events of a command: at least one answer carries its request id (I-22)."""
        request_id = f"REQID{self.exchange.request:064X}"
        assert any(record.request_id == request_id for record in answers(made))
        self.take(made)

    def take(self, made: list[Event]) -> None:
        for event in made:
            self.count_sats(event)
            self.check_sequence(event)
            self.check_numbers(event)
        self.made += made

    def count_sats(self, event: Event) -> None:
        if isinstance(event, TraderOrderEvent | TraderOrderUpdate) and event.order.status is FILLED:
            self.sats_in += int(event.order.initial_margin_sats)
            assert event.order.fee_filled_sats >= 1
        elif isinstance(event, TraderOrderEvent) and event.order.status is SETTLED:
            self.sats_out += int(event.order.available_margin_sats)
            if self.profile is DEFAULT:
                assert event.order.available_margin_sats >= 0
        elif isinstance(event, LendOrderEvent):
            lend = event.order
            self.sats_in += int(lend.deposit_sats) if lend.status is FILLED else 0
            self.sats_out += int(lend.new_lend_state_amount_sats) if lend.status is SETTLED else 0

    def check_sequence(self, event: Event) -> None:
        """No two events of a store share a number, and each nonce follows the last (I-15, I-16)."""
        if isinstance(event, PoolUpdate):
            store = "pool"
            assert event.pool.nonce - self.nonce in {0, 1}
            self.nonce = event.pool.nonce
        elif isinstance(event, LendOrderEvent):
            store = "lend"
        elif hasattr(event, "seq"):
            store = "trader"
        else:
            return
        assert event.seq not in self.seen[store]  # type: ignore[union-attr]  # those with a store have one
        self.seen[store].add(event.seq)  # type: ignore[union-attr]  # those with a store have one

    def check_numbers(self, event: Event) -> None:
        """No number is infinite or undefined; prices are whole and positive (I-23)."""
        for order in orders_in(event):
            numbers = [value for name in order.__slots__ if isinstance(value := getattr(order, name), float)]
            assert all(isfinite(number) for number in numbers)
        if isinstance(event, CurrentPriceUpdate):
            assert event.price >= 1
            assert event.price == int(event.price)
        if isinstance(event, FundingRateUpdate):
            assert abs(event.rate_pct) <= 0.125
        if isinstance(event, TxHash | TxHashUpdate) and event.data.tx_hash:
            assert len(event.data.tx_hash) == 64
        if isinstance(event, TraderOrderFundingUpdate) and self.chain is None:
            assert event.order.available_margin_sats > 0

    def pending(self) -> list[TraderOrder]:
        positions = self.exchange.state.positions.values()
        return [held.order for held in positions if held.order.status is OrderStatus.PENDING]

    def nothing_is_left_that_should_have_fired(self, price: float) -> None:
        """After a healthy tick no position stands beyond its liquidation price or a trigger (I-08)."""
        sets, bound = self.exchange.state.triggers, score(float(price))
        for name in ("liquidate_long", "close_short", "stop_loss_long", "take_profit_short"):
            fresh = self.filled_in_this_tick()
            assert set(getattr(sets, name).at_or_above(bound)) <= fresh
        for name in ("liquidate_short", "close_long", "stop_loss_short", "take_profit_long"):
            fresh = self.filled_in_this_tick()
            assert set(getattr(sets, name).at_or_below(bound)) <= fresh

    def filled_in_this_tick(self) -> set[str]:
        last = max(at for at, event in enumerate(self.exchange.events) if isinstance(event, CurrentPriceUpdate))
        return {event.order.uuid for event in self.exchange.events[last:] if isinstance(event, TraderOrderUpdate)}

    @invariant()
    def every_sat_is_somewhere(self) -> None:
        """Sats in equal sats out plus sats held, to the sat (I-11)."""
        if self.profile is not DEFAULT or not hasattr(self, "exchange"):
            return
        state = self.exchange.state
        held = sum(
            int(position.order.initial_margin_sats)
            for position in state.positions.values()
            if position.order.status is FILLED
        )
        assert self.genesis + self.sats_in == state.pool.total_locked_value_sats + self.sats_out + held
        assert state.pool.total_locked_value_sats >= 0

    def teardown(self) -> None:
        if hasattr(self, "exchange"):
            self.exchange.assert_recoverable()


class ReferenceMachine(ExchangeMachine):
    """The same under the reference's arithmetic."""

    profile = REFERENCE


class AttachedMachine(ExchangeMachine):
    """The same with a chain that answers when it likes, and says no when it likes."""

    chain = Attached(LenientPayloads())

    def __init__(self) -> None:
        super().__init__()
        self.unanswered: set[str] = set()

    def ask(self, made: list[Event]) -> None:
        """Take the events of a command: it is answered, or it is in flight or waits and will be."""
        self.unanswered.add(f"REQID{self.exchange.request:064X}")
        self.take(made)
        asked = [one.intent for one in made if isinstance(one, IntentOpened)]
        assert asked or not self.unanswered & {f"REQID{self.exchange.request:064X}"}

    def take(self, made: list[Event]) -> None:
        super().take(made)
        self.unanswered -= {record.request_id for record in answers(made)}

    @rule(index=st.integers(0, 9), accepts=st.booleans())
    def the_chain_answers(self, index: int, *, accepts: bool) -> None:
        intents = list(self.exchange.state.intents.values())
        if intents:
            self.take(self.exchange.answer(intents[index % len(intents)], accepts=accepts))

    @rule()
    def the_chain_answers_everything(self) -> None:
        while self.exchange.state.intents:
            self.take(self.exchange.answer(next(iter(self.exchange.state.intents.values()))))
        assert not self.exchange.state.waiting
        assert not self.unanswered

    def teardown(self) -> None:
        if not hasattr(self, "exchange"):
            return
        self.exchange.assert_recoverable()
        log_first = sorted(self.exchange.events, key=lambda event: isinstance(event, IntentOpened))
        assert state_hash(self.exchange.refold(log_first)) == state_hash(self.exchange.state)


@pytest.mark.parametrize(
    "machine", [ExchangeMachine, ReferenceMachine, AttachedMachine], ids=["default", "reference", "attached"]
)
def test_whatever_happens_the_books_are_right_and_the_log_gives_them_back(
    machine: type[RuleBasedStateMachine],
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
