"""The rules of `decisions.md` that protect traders and lenders from each other, each with what it prevents."""

from dataclasses import replace
from fractions import Fraction
from math import inf, nan, nextafter

import pytest
from tests.domain.exchange import LONG, SHORT, Exchange, aggregates, answers, kinds, only, reason, statuses

from twilight.domain import risk
from twilight.domain.charging import Terms, charged, is_used_up
from twilight.domain.errors import InvalidParams, Rejected
from twilight.domain.events import (
    CurrentPriceUpdate,
    FundingRateUpdate,
    LendOrderEvent,
    TraderOrderEvent,
    TraderOrderFundingUpdate,
)
from twilight.domain.inputs import (
    FeedStatus,
    SetMarketCloseOnlyCall,
    SetMarketHaltCall,
    Tick,
    UpdateFeesCall,
    UpdateRiskParamsCall,
)
from twilight.domain.orders import OrderStatus, Side
from twilight.domain.profile import DEFAULT, REFERENCE
from twilight.domain.valuation import deposit_value, net_asset_value, under_water, withdrawal_value


def fees_paid(exchange: Exchange) -> float:
    return [event for event in exchange.events if isinstance(event, TraderOrderEvent)][-1].order.fee_settled_sats


# --- R1, R23: bounds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [0, -5, 0.5, 1e20, 2**50, float("nan")])
def test_margin_is_a_whole_number_of_sats(margin: float) -> None:
    made = Exchange(tlv=2**52).open("A", margin=margin, leverage=1)
    assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])


def test_margin_times_leverage_stays_below_2_to_the_50() -> None:
    made = Exchange(tlv=2**52).open("A", margin=2**46, leverage=16)
    assert reason(made).startswith("initial_margin times leverage must be below 2^50 sats")


@pytest.mark.parametrize("sats", [0, -1, 0.5, 2**50, float("nan")])
def test_a_deposit_is_a_whole_number_of_sats(sats: float) -> None:
    assert statuses(Exchange().lend("L", sats)) == ["CANCELLED"]


def test_the_pool_never_grows_beyond_what_a_double_counts_exactly() -> None:
    exchange = Exchange(tlv=2**53 - 10, tps=2**20)
    assert statuses(exchange.lend("L", 2**49)) == ["CANCELLED"]
    assert statuses(Exchange(tlv=1, tps=2**50).lend("L", 1)) == ["CANCELLED"]


@pytest.mark.parametrize(
    "call",
    [
        UpdateFeesCall(0.04, 0.02, 0.04, 10.1),
        UpdateFeesCall(-0.01, 0.02, 0.04, 0.02),
        UpdateFeesCall(float("nan"), 0.02, 0.04, 0.02),
        UpdateRiskParamsCall(mm_ratio=0.2),
        UpdateRiskParamsCall(max_oi_mult=5.0, mm_ratio=101.0),
        UpdateRiskParamsCall(max_oi_mult=float("inf")),
        UpdateRiskParamsCall(min_position_btc=-1.0),
    ],
)
def test_an_admin_call_with_one_number_out_of_bounds_changes_nothing(call: UpdateFeesCall) -> None:  # R31
    exchange = Exchange()
    before = exchange.state.copy()
    with pytest.raises(InvalidParams):
        exchange.admin(call)
    assert (exchange.state.fees, exchange.state.params) == (before.fees, before.params)


# --- R2 to R6: feed and market ---------------------------------------------------------------------------------------


def test_nothing_trades_before_the_first_tick() -> None:
    exchange = Exchange(price=None)
    assert reason(exchange.open("A")).startswith("PRICE_FEED_PAUSED")
    assert statuses(exchange.lend("L", 1_000_000)) == ["FILLED"]


def test_orders_execute_at_the_last_accepted_tick() -> None:  # R5
    exchange = Exchange()
    exchange.tick(66_123.49)
    exchange.open("A")
    assert exchange.order("A").entry_price == 66_123
    exchange.tick(66_200.5)
    assert only(TraderOrderEvent, exchange.close("A")).order.settlement_price == 66_201


def test_a_degraded_feed_closes_but_neither_opens_nor_fills() -> None:  # R4
    exchange = Exchange()
    exchange.open("A")
    exchange.open("B", limit=64_000)
    made = exchange.tick(63_500, FeedStatus.DEGRADED)
    assert kinds(made) == ["CurrentPriceUpdate"]
    assert reason(exchange.open("C")).startswith("CLOSE_ONLY:PRICE_FEED_DEGRADED")
    assert statuses(exchange.close("A")) == ["SETTLED"]
    assert statuses(exchange.tick(63_500)) == ["FILLED"]


def test_a_step_limited_tick_gates_like_a_degraded_one() -> None:  # R30
    exchange = Exchange()
    exchange.open("B", limit=64_000)
    assert kinds(exchange.tick(63_000, flags=["STEP_LIMITED"])) == ["CurrentPriceUpdate"]
    assert reason(exchange.open("A")).startswith("CLOSE_ONLY:PRICE_FEED_DEGRADED")


@pytest.mark.parametrize("status", [FeedStatus.HOLD, FeedStatus.HALTED, FeedStatus.STARTING])
def test_a_feed_that_holds_moves_nothing(status: FeedStatus) -> None:
    exchange = Exchange()
    exchange.open("A")
    assert exchange.tick(1_000, status) == []
    assert exchange.state.price == 65_000


def test_a_tick_below_one_dollar_is_not_accepted() -> None:  # R27
    exchange = Exchange()
    exchange.open("A")
    assert exchange.tick(0.49) == []
    assert exchange.state.price == 65_000


def test_after_a_pause_nothing_trades_or_funds_before_a_fresh_tick() -> None:  # R22, R31
    exchange = Exchange()
    exchange.open("A")
    exchange.admin(SetMarketHaltCall(True, pause_price_feed=True))
    assert exchange.tick(66_000) == []
    exchange.admin(SetMarketHaltCall(False, pause_price_feed=False))
    assert reason(exchange.close("A")).startswith("PRICE_FEED_PAUSED")
    assert exchange.fund() == []
    exchange.tick(66_000)
    assert "FundingRateUpdate" in kinds(exchange.fund())
    assert statuses(exchange.close("A")) == ["SETTLED"]


def test_clearing_a_pause_that_was_not_set_does_not_stop_trading() -> None:  # R31
    exchange = Exchange()
    exchange.admin(SetMarketHaltCall(False, pause_price_feed=False))
    assert statuses(exchange.open("A")) == ["FILLED"]


def test_an_empty_pool_stops_opens_and_lending_but_not_closes() -> None:  # R6
    exchange = Exchange(tlv=1_000_000)
    exchange.admin(UpdateRiskParamsCall(1_000.0, 1_000.0, 1_000.0))
    exchange.open("A", LONG, 1_000_000, 10)
    exchange.open("B", SHORT, 10_000, 2)
    exchange.open("D", LONG, 10_000, 2)
    exchange.tick(80_000)
    exchange.close("A")
    assert exchange.state.pool.total_locked_value_sats == 0
    assert reason(exchange.open("C")).startswith("HALT:POOL_EQUITY_INVALID")
    assert reason(exchange.lend("L", 1_000)).startswith("HALT:POOL_EQUITY_INVALID")
    assert statuses(exchange.close("B")) == ["SETTLED"]


def test_lending_into_an_empty_pool_is_refused_under_close_only_too() -> None:  # R24
    exchange = Exchange(tlv=1_000_000)
    exchange.admin(UpdateRiskParamsCall(1_000.0, 1_000.0, 1_000.0))
    exchange.open("A", LONG, 1_000_000, 10)
    exchange.tick(80_000)
    exchange.close("A")
    exchange.admin(SetMarketCloseOnlyCall(True))
    assert reason(exchange.lend("L", 1_000)).startswith("HALT:POOL_EQUITY_INVALID")


# --- R8, C8: ages ----------------------------------------------------------------------------------------------------


def test_a_close_that_waited_too_long_is_refused() -> None:  # C8
    exchange = Exchange()
    exchange.open("A")
    made = exchange.close("A", age_s=61)
    assert (statuses(made), aggregates(made)) == (["RejectedByRiskEngine"], ["tx_risk_rejected"])
    assert reason(made).startswith("COMMAND_TOO_OLD")
    assert statuses(exchange.close("A", age_s=60)) == ["SETTLED"]


# --- R16, R20: resting orders ----------------------------------------------------------------------------------------


def test_the_best_buy_fills_first_and_what_finds_no_room_rests() -> None:  # R16, R20
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.01))  # room for 2 000 000
    exchange.open("low", LONG, 100_000, 10, limit=63_000)
    exchange.open("high", LONG, 100_000, 10, limit=64_000)
    exchange.open("low too", LONG, 100_000, 10, limit=63_000)
    made = exchange.tick(62_900)
    assert [record.account_id for record in answers(made)] == ["high", "low"]
    assert kinds(made)[1:3] == ["SortedSetDBUpdate", "RiskEngineUpdate"]
    assert aggregates(made)[1].startswith("RemoveOpenLimitPrice-")
    assert exchange.order("low too").status is OrderStatus.PENDING
    exchange.close("high")
    assert [record.account_id for record in answers(exchange.tick(62_900))] == ["low too"]
    exchange.assert_recoverable()


def test_when_all_fit_the_set_is_removed_in_bulk() -> None:  # R20
    exchange = Exchange()
    exchange.open("A", LONG, limit=64_000)
    exchange.open("B", LONG, limit=63_500)
    made = exchange.tick(63_000)
    assert aggregates(made)[1] == "BulkSearchRemoveOpenLimitPrice"
    assert [record.account_id for record in answers(made)] == ["A", "B"]


def test_far_resting_orders_block_nobody() -> None:  # R20
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.01))
    exchange.open("far", LONG, 200_000, 10, limit=1_000)
    assert statuses(exchange.open("A", LONG, 200_000, 10)) == ["FILLED"]


def test_the_reference_fills_without_looking_at_limits() -> None:  # R20, W-14
    exchange = Exchange(REFERENCE)
    exchange.open("low", LONG, limit=63_000)
    exchange.open("high", LONG, limit=64_000)
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.0))
    assert [record.account_id for record in answers(exchange.tick(62_900))] == ["low", "high"]


# --- R18: close fees -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "immediate", "rested"), [(DEFAULT, 3.0, 4.0), (REFERENCE, 2.0, 1.0)], ids=["default", "reference"]
)
def test_a_close_limit_through_the_market_pays_what_the_profile_says(
    profile: object, immediate: float, rested: float
) -> None:
    exchange = Exchange(profile)  # type: ignore[arg-type]  # parametrised
    exchange.admin(UpdateFeesCall(1.0, 2.0, 3.0, 4.0))
    for account in ("A", "B"):
        exchange.open(account)
    exchange.close("A", 64_000)
    assert fees_paid(exchange) == pytest.approx(immediate / 100 * 1_000_000)
    exchange.close("B", 66_000)
    exchange.tick(66_000)
    assert fees_paid(exchange) == pytest.approx(rested / 100 * 65e9 / 66_000)


def test_stop_losses_pay_the_settled_market_fee() -> None:
    exchange = Exchange()
    exchange.admin(UpdateFeesCall(1.0, 2.0, 3.0, 4.0))
    exchange.open("A")
    exchange.legs("A", sl=64_000)
    exchange.tick(64_000)
    assert fees_paid(exchange) == pytest.approx(3.0 / 100 * 65e9 / 64_000)


# --- R19, R29: lending -----------------------------------------------------------------------------------------------


def test_a_share_costs_what_the_pool_is_worth_with_positions_marked() -> None:  # R19
    exchange = Exchange()
    exchange.open("A")
    assert net_asset_value(exchange.state, 65_650) == Fraction(200_000_400) - (10**6 - Fraction(65 * 10**9, 65_650))
    exchange.lend("L", 1_000_000)
    assert exchange.deposit("L").order.npoolshare == 9_990_000


def lending_profit(exchange: Exchange, move: float, wait_s: int) -> float:
    """Lend, let the price move and the traders close, withdraw; return what was won."""
    exchange.lend("L", 100_000_000)
    exchange.tick(move)
    for account in list(exchange.state.trader_accounts):
        exchange.close(account)
    exchange.wait(wait_s)
    exchange.withdraw("L")
    paid: float = exchange.events[-2].order.new_lend_state_amount_sats  # type: ignore[union-attr]  # the lend event
    return paid - 100_000_000


def with_a_losing_trader(profile: object) -> Exchange:
    exchange = Exchange(profile)  # type: ignore[arg-type]  # parametrised by tests
    exchange.open("A", LONG, 400_000, 10)
    exchange.tick(60_500)
    return exchange


def test_nobody_wins_by_lending_just_before_a_known_loss_is_booked() -> None:  # R19
    assert lending_profit(with_a_losing_trader(REFERENCE), 60_500, 7_200) > 50_000
    assert lending_profit(with_a_losing_trader(DEFAULT), 60_500, 7_200) <= 0


def test_a_deposit_withdrawn_within_the_hour_pays_no_more_than_the_deposit() -> None:  # R19
    exchange = with_a_losing_trader(DEFAULT)
    assert lending_profit(exchange, 58_000, 60) <= 0


def test_a_lender_cannot_leave_before_a_loss_that_everyone_sees() -> None:  # R19
    exchange = Exchange()
    exchange.lend("L", 100_000_000)
    exchange.open("A", LONG, 400_000, 10)
    exchange.tick(100_000)
    exchange.wait(7_200)
    exchange.withdraw("L")
    paid = exchange.events[-2].order.new_lend_state_amount_sats  # type: ignore[union-attr]  # the lend event
    assert paid < 100_000_000 - 400_000


def test_a_pool_that_owes_more_than_it_has_neither_lends_nor_opens() -> None:  # R19
    exchange = Exchange(tlv=1_000_000)
    exchange.admin(UpdateRiskParamsCall(1_000.0, 1_000.0, 1_000.0))
    exchange.open("A", LONG, 1_000_000, 10)
    exchange.open("B", SHORT, 1_000, 1, limit=76_000)
    exchange.tick(80_000)
    assert (statuses(exchange.lend("L", 10_000)), statuses(exchange.open("C"))) == (["Error"], ["RejectedByRiskEngine"])
    assert reason(exchange.lend("L", 10_000)).startswith("POOL_UNDER_WATER")
    assert reason(exchange.open("C")).startswith("POOL_UNDER_WATER")
    assert exchange.order("B").status is OrderStatus.PENDING


def test_the_pool_cannot_be_emptied_under_open_positions() -> None:  # R29
    exchange = Exchange(tlv=10_000_000, tps=10_000)
    exchange.lend("L", 90_000_000)
    exchange.open("A", LONG, 150_000, 10)
    exchange.wait(7_200)
    exchange.admin(UpdateRiskParamsCall(max_net_mult=0.1))
    made = exchange.withdraw("L")
    assert statuses(made) == ["RejectedByRiskEngine"]
    assert reason(made).startswith("SKEW_LIMIT_REACHED")
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.1))
    assert reason(exchange.withdraw("L")).startswith("OI_LIMIT_REACHED")
    exchange.close("A")
    assert statuses(exchange.withdraw("L")) == ["SETTLED"]


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize(("limit", "code"), [("max_oi_mult", "OI_LIMIT"), ("max_net_mult", "SKEW_LIMIT")])
def test_a_withdrawal_that_leaves_the_exposure_exactly_at_a_limit_passes(
    side: Side, limit: str, code: str
) -> None:  # R29
    exchange = Exchange()
    exchange.open("A", side, 150_000, 10)
    exchange.admin(UpdateRiskParamsCall(**{limit: 0.1}))
    risk.gate_withdrawal_limits(exchange.state, 15_000_000)
    with pytest.raises(Rejected, match=f"{code}_REACHED"):
        risk.gate_withdrawal_limits(exchange.state, 14_999_999)


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_lending_waits_for_a_price_while_a_position_of_either_side_is_open(side: Side) -> None:  # R3
    exchange = Exchange()
    exchange.open("A", side)
    exchange.status = FeedStatus.HOLD
    assert reason(exchange.lend("L", 1_000_000)).startswith("PRICE_FEED_PAUSED")


def test_an_amount_is_a_whole_number_of_sats_below_two_to_the_50() -> None:  # R1, R23
    for amount in (1.0, 2.0**50 - 1):
        risk.check_whole_sats("deposit", amount)
    for amount in (0.0, -1.0, 1.5, 2.0**50, inf, nan):
        with pytest.raises(Rejected, match="deposit must be a whole number of sats from 1 to below"):
            risk.check_whole_sats("deposit", amount)


def test_a_price_is_below_two_to_the_32_cents() -> None:  # R1
    limit = 2**32 / 100
    for price in (0.01, nextafter(limit, 0)):
        risk.check_price("entryprice", price)
    for price in (0.0, -1.0, limit, inf, nan):
        with pytest.raises(Rejected, match="entryprice must be a positive price below"):
            risk.check_price("entryprice", price)


def test_a_share_is_bought_dear_and_redeemed_cheap_to_the_sat() -> None:  # R19, engine 15b
    exchange = Exchange()
    exchange.open("A")
    assert deposit_value(exchange.state, DEFAULT) == 200_010_502  # of 200,010,501.01
    assert withdrawal_value(exchange.state, DEFAULT) == 199_990_499  # of 199,990,499.004


@pytest.mark.parametrize(("held_s", "earns"), [(3_599, False), (3_600, True)])
def test_a_deposit_earns_once_it_was_held_for_an_hour(held_s: int, earns: bool) -> None:  # noqa: FBT001  # R19
    exchange = Exchange()
    exchange.lend("L", 1_000_000)
    exchange.open("A")
    exchange.tick(59_000)
    exchange.now_ns = exchange.deposit("L").made_at_ns + (held_s - 1) * 10**9  # the withdrawal takes a second
    paid = only(LendOrderEvent, exchange.withdraw("L")).order.new_lend_state_amount_sats
    assert (paid > 1_000_000) is earns


def test_a_deposit_that_lost_is_not_made_whole_by_leaving_early() -> None:  # R19
    exchange = Exchange()
    exchange.lend("L", 100_000_000)
    exchange.open("A")
    exchange.tick(66_000)
    exchange.close("A")
    paid = only(LendOrderEvent, exchange.withdraw("L")).order.new_lend_state_amount_sats
    assert paid == (300_000_000 - 14_358) // 3  # its third of what is left after the win


def test_the_shares_of_a_deposit_are_counted_exactly() -> None:  # R23
    exchange, bound = Exchange(tlv=10**6, tps=10**6), 2**53 // 10**4
    assert statuses(exchange.lend("L", bound)) == ["CANCELLED"]
    assert statuses(exchange.lend("L", bound - 1)) == ["FILLED"]


def test_the_pool_counts_exactly_so_it_stays_below_two_to_the_53() -> None:  # R23
    exchange = Exchange(tlv=2**53 - 10**9, tps=2**30)
    assert statuses(exchange.lend("L", 10**9)) == ["CANCELLED"]
    assert statuses(exchange.lend("L", 10**9 - 1)) == ["FILLED"]


def test_a_pool_that_is_worth_nothing_is_under_water() -> None:  # R19
    state = Exchange().state
    for worth, expected in ((1, False), (0, True), (-1, True)):
        state.pool.total_locked_value_sats = worth
        assert under_water(state, DEFAULT) is expected


# --- R11, R12, R21, R25: funding -------------------------------------------------------------------------------------


def test_an_hour_takes_no_more_than_there_is() -> None:  # engine 2.11
    exchange = Exchange()
    exchange.open("A", LONG)
    order = exchange.order("A").copy()
    order.available_margin_sats = 1.0
    terms = Terms(0.125, 65_000.0, 0.04, 0.02, 0.4, first_pays_only=True, initial_basis=True)
    assert charged(order, terms, funded=True).available_margin_sats == 0.0


def test_a_position_that_has_just_what_it_must_keep_is_used_up() -> None:  # engine 3.8
    exchange = Exchange()
    exchange.open("A")
    order = exchange.order("A").copy()
    for above_sats, expected in ((0.001, False), (0.0, True), (-0.001, True)):
        order.available_margin_sats = order.maintenance_margin_sats + above_sats
        assert is_used_up(order) is expected


def test_nobody_receives_at_the_first_funding_after_a_fill() -> None:  # R21
    exchange = Exchange()
    exchange.open("long", LONG, 100_000, 20)
    exchange.open("short", SHORT, 100_000, 10)
    exchange.fund()
    assert exchange.order("short").available_margin_sats == 99_600
    assert exchange.order("long").available_margin_sats < 99_200
    exchange.fund()
    assert exchange.order("short").available_margin_sats > 99_600
    assert only(FundingRateUpdate, exchange.fund()).rate_pct > 0


def test_the_reference_pays_at_once() -> None:  # R21
    exchange = Exchange(REFERENCE)
    exchange.open("long", LONG, 100_000, 20)
    exchange.open("short", SHORT, 100_000, 10)
    exchange.fund()
    assert exchange.order("short").available_margin_sats > 99_600


def test_funding_goes_by_entry_sequence_and_ends_with_the_rate() -> None:  # R25
    exchange = Exchange()
    exchange.open("B", SHORT, limit=65_500)
    exchange.open("A", LONG)
    exchange.tick(65_500)
    made = exchange.fund()
    assert [event.order.account_id for event in made if isinstance(event, TraderOrderFundingUpdate)] == ["B", "A"]
    last = made[-1]
    assert isinstance(last, FundingRateUpdate)
    assert last.metadata is not None
    assert set(last.metadata) == {"funding_hour", "funding_index"}


def test_the_funding_index_adds_up_exactly() -> None:  # R12
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.fund()
    exchange.fund()
    step = Fraction(0.125) * 2**96 / (100 * 65_000)
    assert abs(exchange.state.funding_index - 2 * step) <= 1
    assert exchange.state.positions[exchange.uuid("A")].margin_rate_pct == 0.125
    exchange.assert_recoverable()


def test_funding_waits_for_a_tradable_price_and_for_the_operator() -> None:  # R11
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.tick(65_000, FeedStatus.HOLD)
    assert exchange.fund() == []
    exchange.tick(65_000)
    exchange.admin(SetMarketHaltCall(True, pause_funding=True))
    assert exchange.fund() == []
    exchange.admin(SetMarketHaltCall(False, pause_funding=False))
    assert kinds(exchange.fund()) == ["TraderOrderFundingUpdate", "FundingRateUpdate"]


def test_an_idle_rate_is_a_plain_zero() -> None:  # R17
    exchange = Exchange()
    (event,) = exchange.fund()
    assert isinstance(event, FundingRateUpdate)
    assert str(event.rate_pct) == "0.0"


# --- R10, R16: triggers ----------------------------------------------------------------------------------------------


def test_of_two_triggers_in_one_tick_the_first_group_wins_and_the_other_is_reported() -> None:  # R10
    exchange = Exchange()
    exchange.open("A", SHORT)
    exchange.close("A", 61_000)
    exchange.legs("A", sl=70_000, tp=60_500)
    made = exchange.tick(60_000)
    assert aggregates(made)[1:3] == ["BulkSearchRemoveCloseLimitPrice", "BulkSearchRemoveSLTPCloseLIMITPrice"]
    assert statuses(made) == ["CancelledStopLoss", "CancelledTakeProfit", "SETTLED"]
    assert [record.order_type.value for record in answers(made)] == ["LIMIT"] * 3
    exchange.assert_recoverable()


def test_liquidation_comes_before_any_trigger() -> None:
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.legs("A", sl=64_000)
    made = exchange.tick(59_000)
    assert statuses(made) == ["CancelledStopLoss", "LIQUIDATE"]


def test_replacing_a_trigger_makes_it_the_last_among_equals() -> None:  # R25
    exchange = Exchange()
    for account in ("A", "B"):
        exchange.open(account)
        exchange.legs(account, sl=64_000)
    exchange.legs("A", sl=64_000)
    assert [record.account_id for record in answers(exchange.tick(63_999))] == ["B", "A"]


def test_a_tick_carries_its_signed_text_and_moves_the_feeds_number() -> None:  # R14, C10
    exchange = Exchange()
    tick = replace(
        Tick(66_000.0),
        text="PF1|BTC-USD|1723161254000|42|1723161264250|6600000000000|HEALTHY|8|5|27|",
        kid="abc",
        sig="c2ln",
    )
    (event,) = exchange.give(tick)
    assert isinstance(event, CurrentPriceUpdate)
    assert event.metadata == {"tick": tick.text, "kid": "abc", "sig": "c2ln"}
    assert exchange.state.ticks == {"abc": (1723161254000, 42)}
