"""Whatever is thrown at the exchange, nothing that must hold is ever broken (engine 13)."""

from math import isfinite

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.domain.exchange import Exchange, answers
from twilight.domain.engine import decide
from twilight.domain.events import (
    CurrentPriceUpdate,
    Event,
    FundingRateUpdate,
    LendOrderEvent,
    PoolUpdate,
    TraderOrderEvent,
    TraderOrderFundingUpdate,
    TraderOrderLiquidation,
    TraderOrderUpdate,
    TxHash,
    TxHashUpdate,
)
from twilight.domain.inputs import (
    Conditions,
    FeedStatus,
    RecalculateRiskStateCall,
    SetMarketCloseOnlyCall,
    SetMarketHaltCall,
    Tick,
    UpdateFeesCall,
    UpdateRiskParamsCall,
)
from twilight.domain.numbers import score
from twilight.domain.orders import OrderStatus, OrderType, Side, TraderOrder
from twilight.domain.profile import DEFAULT, REFERENCE, Profile
from twilight.domain.snapshot import state_hash

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
LEG = st.one_of(st.none(), LIMITS)
FILLED, SETTLED = OrderStatus.FILLED, OrderStatus.SETTLED


def orders_in(event: Event) -> list[TraderOrder]:
    return [event.order] if hasattr(event, "order") and isinstance(event.order, TraderOrder) else []


class ExchangeMachine(RuleBasedStateMachine):
    """Random commands, ticks, fundings and operators' calls, checked after every one of them."""

    profile: Profile = DEFAULT

    @initialize(tlv=st.sampled_from([200_000_000, 2**45, 100_000, 1]), tps=st.sampled_from([200_000, 1, 2**39]))
    def found(self, tlv: int, tps: int) -> None:
        self.exchange = Exchange(self.profile, tlv=tlv, tps=tps)
        self.genesis = tlv
        self.sats_in = self.sats_out = 0
        self.made: list[Event] = []
        self.nonce = self.exchange.state.pool.nonce
        self.seen: dict[str, set[int]] = {"trader": set(), "lend": {1}, "pool": {1}}

    # --- what happens ---

    @rule(account=ACCOUNTS, side=SIDES, margin=MARGINS, leverage=LEVERAGES)
    def open_at_the_market(self, account: str, side: Side, margin: float, leverage: float) -> None:
        self.ask(self.exchange.open(account, side, margin, leverage))

    @rule(account=ACCOUNTS, side=SIDES, margin=MARGINS, leverage=LEVERAGES, limit=LIMITS)
    def open_at_a_limit(self, account: str, side: Side, margin: float, leverage: float, limit: float) -> None:
        self.ask(self.exchange.open(account, side, margin, leverage, limit=limit))

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        sl=LEG,
        tp=LEG,
        limit=st.one_of(st.none(), LIMITS),
        settle=st.sampled_from([None, "5e77"]),
    )
    def open_with_legs(
        self, account: str, side: Side, sl: float | None, tp: float | None, limit: float | None, settle: str | None
    ) -> None:
        self.ask(self.exchange.open_with_legs(account, side, sl=sl, tp=tp, limit=limit, settle=settle))

    @rule(account=ACCOUNTS, order_type=st.sampled_from(list(OrderType)), limit=LIMITS)
    def close(self, account: str, order_type: OrderType, limit: float) -> None:
        self.ask(self.exchange.close(account, limit, order_type=order_type))

    @rule(account=ACCOUNTS)
    def close_at_the_market(self, account: str) -> None:
        self.ask(self.exchange.close(account))

    @rule(account=ACCOUNTS, victim=ACCOUNTS)
    def close_perhaps_a_strangers(self, account: str, victim: str) -> None:
        self.ask(self.exchange.close(account, uuid=self.exchange.uuid(victim)))

    @rule(account=ACCOUNTS, sl=LEG, tp=LEG)
    def set_legs(self, account: str, sl: float | None, tp: float | None) -> None:
        self.ask(self.exchange.legs(account, sl, tp))

    @rule(account=ACCOUNTS, victim=ACCOUNTS, order_type=st.sampled_from([OrderType.LIMIT, OrderType.MARKET]))
    def cancel(self, account: str, victim: str, order_type: OrderType) -> None:
        self.ask(self.exchange.cancel(account, order_type, self.exchange.uuid(victim)))

    @rule(
        account=ACCOUNTS,
        sl=st.booleans(),
        tp=st.booleans(),
        order_type=st.sampled_from([OrderType.SLTP, OrderType.LIMIT, OrderType.MARKET]),
    )
    def cancel_legs(self, account: str, *, sl: bool, tp: bool, order_type: OrderType) -> None:
        self.ask(self.exchange.cancel_legs(account, sl=sl, tp=tp, order_type=order_type))

    @rule(account=LENDERS, sats=st.one_of(st.integers(1, 10**9), st.sampled_from([0, -1, 400, 600, 2**50, 0.5])))
    def lend(self, account: str, sats: float) -> None:
        before = self.exchange.state.pool
        self.ask(self.exchange.lend(account, sats))
        assert self.exchange.state.pool.nonce >= before.nonce

    @rule(account=LENDERS)
    def withdraw(self, account: str) -> None:
        self.ask(self.exchange.withdraw(account))

    @rule(price=PRICES)
    def tick(self, price: float) -> None:
        self.take(self.exchange.tick(price))
        if not self.exchange.state.switches.pause_price_feed:
            self.nothing_is_left_that_should_have_fired(price)

    @rule(price=PRICES, status=st.sampled_from(list(FeedStatus)), flags=st.sampled_from([(), ("STEP_LIMITED",)]))
    def odd_tick(self, price: float, status: FeedStatus, flags: tuple[str, ...]) -> None:
        self.take(self.exchange.tick(price, status, flags))

    @rule()
    def fund(self) -> None:
        tlv, pending = self.exchange.state.pool.total_locked_value_sats, self.pending()
        made = self.exchange.fund()
        self.take(made)
        if not any(isinstance(event, TraderOrderLiquidation) for event in made):
            assert self.exchange.state.pool.total_locked_value_sats == tlv
        assert self.pending() == pending

    @rule(
        enabled=st.booleans(),
        opens=st.booleans(),
        closes=st.booleans(),
        funding=st.sampled_from([None, True, False]),
        feed=st.sampled_from([None, True, False]),
    )
    def halt(self, *, enabled: bool, opens: bool, closes: bool, funding: bool | None, feed: bool | None) -> None:
        self.take(self.exchange.admin(SetMarketHaltCall(enabled, opens, closes, funding, feed)))

    @rule(enabled=st.booleans())
    def close_only(self, *, enabled: bool) -> None:
        self.take(self.exchange.admin(SetMarketCloseOnlyCall(enabled)))

    @rule()
    def resume(self) -> None:
        self.take(self.exchange.admin(SetMarketHaltCall(False, pause_funding=False, pause_price_feed=False)))
        self.take(self.exchange.admin(SetMarketCloseOnlyCall(False)))
        self.take(self.exchange.tick(65_000))

    @rule()
    def recalculate(self) -> None:
        before = state_hash(self.exchange.state)
        self.take(self.exchange.admin(RecalculateRiskStateCall()))
        assert state_hash(self.exchange.state) == before

    @rule(
        max_oi_mult=st.sampled_from([0.0, 0.1, 4.0, 1000.0]),
        max_position_pct=st.sampled_from([0.0, 0.02, 10.0]),
        mm_ratio=st.sampled_from([0.25, 0.4, 100.0]),
    )
    def change_limits(self, max_oi_mult: float, max_position_pct: float, mm_ratio: float) -> None:
        call = UpdateRiskParamsCall(max_oi_mult, max_oi_mult, max_position_pct, max_leverage=50.0, mm_ratio=mm_ratio)
        self.take(self.exchange.admin(call))

    @rule(fee=st.sampled_from([0.0, 0.04, 10.0]))
    def change_fees(self, fee: float) -> None:
        self.take(self.exchange.admin(UpdateFeesCall(fee, fee / 2, fee, fee / 2)))

    @rule(price=PRICES)
    def ask_what_a_tick_would_do(self, price: float) -> None:
        state, context = self.exchange.state, self.exchange.engine.context
        before = state_hash(state)
        decide(state, Tick(float(price)), Conditions(self.exchange.now_ns, FeedStatus.HEALTHY), context)
        assert state_hash(state) == before

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
        if isinstance(event, TraderOrderFundingUpdate):
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


@pytest.mark.parametrize("machine", [ExchangeMachine, ReferenceMachine], ids=["default", "reference"])
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
