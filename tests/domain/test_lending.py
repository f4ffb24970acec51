"""What lenders pay and get: nobody wins by what he sees coming, nor empties the pool (R7, R19, R29)."""

from dataclasses import replace
from fractions import Fraction

import pytest
from tests.domain.exchange import LONG, SHORT, Exchange, only, reason, statuses

from twilight.domain.books.valuation import deposit_value, net_asset_value, under_water, withdrawal_value
from twilight.domain.model.errors import Rejected
from twilight.domain.model.events import LendOrderEvent
from twilight.domain.model.inputs import UpdateRiskParamsCall
from twilight.domain.model.orders import OrderStatus, Side
from twilight.domain.model.profile import DEFAULT, REFERENCE
from twilight.domain.trading import risk


def test_a_share_costs_what_the_pool_is_worth_with_positions_marked() -> None:  # R19
    exchange = Exchange()
    exchange.open("A")
    assert net_asset_value(exchange.state, 65_650) == Fraction(200_000_400) - (10**6 - Fraction(65 * 10**9, 65_650))
    exchange.lend("L", 1_000_000)
    assert exchange.deposit("L").order.npoolshare == 9_990_000


def test_a_share_is_bought_dear_and_redeemed_cheap_to_the_sat() -> None:  # R19, engine 15b
    exchange = Exchange()
    exchange.open("A")
    assert deposit_value(exchange.state, DEFAULT) == 200_010_502  # of 200,010,501.01
    assert withdrawal_value(exchange.state, DEFAULT) == 199_990_499  # of 199,990,499.004


def test_lending_and_withdrawing_at_once_never_wins_a_sat() -> None:  # W-07
    exchange = Exchange(replace(DEFAULT, lend_min_hold_s=0))
    for sats in (1_000, 1_499, 1_999, 777_777, 200_000_499):
        exchange.lend("L", sats)
        made = exchange.withdraw("L")
        paid = exchange.events[-2].order.new_lend_state_amount_sats  # type: ignore[union-attr]  # the lend event
        assert statuses(made) == ["SETTLED"]
        assert sats - 1_001 <= paid <= sats


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


def test_a_lender_cannot_leave_before_a_loss_that_everyone_sees() -> None:  # R19
    exchange = Exchange()
    exchange.lend("L", 100_000_000)
    exchange.open("A", LONG, 400_000, 10)
    exchange.tick(100_000)
    exchange.wait(7_200)
    exchange.withdraw("L")
    paid = exchange.events[-2].order.new_lend_state_amount_sats  # type: ignore[union-attr]  # the lend event
    assert paid < 100_000_000 - 400_000


def test_a_deposit_withdrawn_within_the_hour_pays_no_more_than_the_deposit() -> None:  # R19
    exchange = with_a_losing_trader(DEFAULT)
    assert lending_profit(exchange, 58_000, 60) <= 0


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


def test_a_pool_that_is_worth_nothing_is_under_water() -> None:  # R19
    state = Exchange().state
    for worth, expected in ((1, False), (0, True), (-1, True)):
        state.pool.total_locked_value_sats = worth
        assert under_water(state, DEFAULT) is expected


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


def test_a_withdrawal_may_take_the_last_sat_of_the_pool() -> None:  # engine 2.13: refused is what goes beyond it
    exchange = Exchange(REFERENCE, checked=False)
    exchange.lend("L", 200_000_000_000)  # a thousand times what the pool had
    exchange.state.pool.total_locked_value_sats = 1  # traders have won the rest
    assert statuses(exchange.withdraw("L")) == ["SETTLED"]
    assert exchange.state.pool.total_locked_value_sats == 0


def test_the_reference_takes_back_the_share_that_it_minted_for_most_of_one() -> None:  # engine 2.13
    exchange = Exchange(REFERENCE)
    exchange.lend("L", 600)
    assert exchange.state.pool.total_pool_share == 200_001
    exchange.withdraw("L")
    assert exchange.state.pool.total_pool_share == 200_000
