"""What a request or an operator may say: kinds, amounts, prices, leverage, settings (R1, R23, R31)."""

from math import inf, nan, nextafter

import pytest
from tests.domain.exchange import SHORT, Exchange, aggregates, reason, statuses

from twilight.domain.model.errors import InvalidParams, Rejected
from twilight.domain.model.inputs import UpdateFeesCall, UpdateRiskParamsCall
from twilight.domain.model.orders import OrderStatus, OrderType
from twilight.domain.model.profile import DEFAULT, REFERENCE
from twilight.domain.trading import risk


def test_an_amount_is_a_whole_number_of_sats_below_two_to_the_50() -> None:  # R1, R23
    for amount in (1.0, 2.0**50 - 1):
        risk.check_whole_sats("deposit", amount)
    for amount in (0.0, -1.0, 1.5, 2.0**50, inf, nan):
        with pytest.raises(Rejected, match="deposit must be a whole number of sats from 1 to below"):
            risk.check_whole_sats("deposit", amount)


@pytest.mark.parametrize("margin", [0, -5, 0.5, 1e20, 2**50, float("nan")])
def test_margin_is_a_whole_number_of_sats(margin: float) -> None:
    made = Exchange(tlv=2**52).open("A", margin=margin, leverage=1)
    assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])


def test_margin_times_leverage_stays_below_2_to_the_50() -> None:
    made = Exchange(tlv=2**52).open("A", margin=2**46, leverage=16)
    assert reason(made).startswith("initial_margin times leverage must be below 2^50 sats")


@pytest.mark.parametrize("leverage", [0.5, 0, -1, 1.5, 51, float("nan"), float("inf")])
def test_leverage_is_a_whole_number_from_one_to_fifty(leverage: float) -> None:  # W-08, W-51
    made = Exchange().open("A", SHORT, leverage=leverage)
    assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])
    assert reason(made).startswith("leverage must be a whole number from 1 to 50, was ")


@pytest.mark.parametrize("order_type", [OrderType.SLTP, OrderType.DARK, OrderType.LEND])
def test_an_open_that_is_neither_market_nor_limit_is_refused(order_type: OrderType) -> None:  # W-02
    exchange = Exchange()
    made = exchange.open("A", order_type=order_type, order_status=OrderStatus.FILLED, entry_price=1.0)
    assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])
    assert exchange.state.positions == {}


def test_a_price_is_below_two_to_the_32_cents() -> None:  # R1
    limit = 2**32 / 100
    for price in (0.01, nextafter(limit, 0)):
        risk.check_price("entryprice", price)
    for price in (0.0, -1.0, limit, inf, nan):
        with pytest.raises(Rejected, match="entryprice must be a positive price below"):
            risk.check_price("entryprice", price)


@pytest.mark.parametrize("price", [0.0, -1.0, 4.3e7, float("inf"), float("nan")])
def test_trigger_and_limit_prices_are_validated(price: float) -> None:  # W-51, R1
    exchange = Exchange()
    exchange.open("A")
    for made in (
        exchange.legs("A", sl=price),
        exchange.legs("A", tp=price),
        exchange.close("A", order_type=OrderType.LIMIT, limit=price),
        exchange.open("B", limit=1.0, entry_price=price),
        exchange.open_with_legs("B", sl=price),
        exchange.open_with_legs("B", tp=price),
    ):
        assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])


@pytest.mark.parametrize("sats", [0, -1, 0.5, 2**50, float("nan")])
def test_a_deposit_is_a_whole_number_of_sats(sats: float) -> None:
    assert statuses(Exchange().lend("L", sats)) == ["CANCELLED"]


def test_a_deposit_below_one_share_is_refused_in_both_profiles() -> None:  # W-07
    for profile in (DEFAULT, REFERENCE):
        made = Exchange(profile).lend("L", 400)
        assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])


def test_the_shares_of_a_deposit_are_counted_exactly() -> None:  # R23
    exchange, bound = Exchange(tlv=10**6, tps=10**6), 2**53 // 10**4
    assert statuses(exchange.lend("L", bound)) == ["CANCELLED"]
    assert statuses(exchange.lend("L", bound - 1)) == ["FILLED"]


def test_the_pool_never_grows_beyond_what_a_double_counts_exactly() -> None:
    exchange = Exchange(tlv=2**53 - 10, tps=2**20)
    assert statuses(exchange.lend("L", 2**49)) == ["CANCELLED"]
    assert statuses(Exchange(tlv=1, tps=2**50).lend("L", 1)) == ["CANCELLED"]


def test_the_pool_counts_exactly_so_it_stays_below_two_to_the_53() -> None:  # R23
    exchange = Exchange(tlv=2**53 - 10**9, tps=2**30)
    assert statuses(exchange.lend("L", 10**9)) == ["CANCELLED"]
    assert statuses(exchange.lend("L", 10**9 - 1)) == ["FILLED"]


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
