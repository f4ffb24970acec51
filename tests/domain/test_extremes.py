"""The edges: the smallest and largest orders, prices and pools, and very many at once."""

from collections import Counter

import pytest
from tests.domain.exchange import LONG, SHORT, Exchange, kinds, only, statuses

from twilight.domain.books.invariants import violations
from twilight.domain.books.snapshot import state_hash
from twilight.domain.model.events import TraderOrderEvent, TraderOrderLiquidation
from twilight.domain.model.inputs import SetMarketHaltCall, UpdateRiskParamsCall
from twilight.domain.model.orders import OrderType, Side

UNLIMITED = UpdateRiskParamsCall(1e9, 1e9, 1e9)


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize("price", [1, 2, 65_000, 10_000_000])
@pytest.mark.parametrize("leverage", [1, 50])
def test_one_sat_can_be_traded_at_any_price(side: Side, price: int, leverage: int) -> None:
    exchange = Exchange(price=price)
    assert statuses(exchange.open("A", side, 1, leverage)) == ["FILLED"]
    assert statuses(exchange.close("A")) == ["SETTLED"]
    settled = [event for event in exchange.events if isinstance(event, TraderOrderEvent)][-1].order
    assert settled.available_margin_sats + exchange.state.pool.total_locked_value_sats == 200_000_001
    exchange.assert_recoverable()


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize("price", [1, 65_000, 10_000_000])
def test_the_largest_position_is_counted_exactly(side: Side, price: int) -> None:
    exchange = Exchange(price=price, tlv=2**52, tps=2**30)
    exchange.admin(UNLIMITED)
    margin = (2**50 - 1) // 50
    assert statuses(exchange.open("A", side, margin, 50)) == ["FILLED"]
    exchange.open("B", side, 3, 7)
    sums = exchange.state.exposure
    assert sums.long_size + sums.short_size == (margin * 50 + 21) * price
    exchange.close("A")
    exchange.close("B")
    assert (sums.long_size, sums.short_size) == (0, 0)
    exchange.assert_recoverable()


def test_the_last_position_leaves_an_empty_market() -> None:
    exchange = Exchange()
    exchange.open("A", LONG, 12_345, 7)
    exchange.fund()
    exchange.close("A")
    assert exchange.state.exposure == type(exchange.state.exposure)()
    assert kinds(exchange.fund()) == ["FundingRateUpdate"]


def test_a_gap_through_the_bankruptcy_price_costs_the_margin_and_no_more() -> None:
    exchange = Exchange()
    exchange.open("A", LONG, 100_000, 40)
    exchange.open("B", SHORT, 100_000, 40)
    made = exchange.tick(1)
    assert only(TraderOrderLiquidation, made).order.account_id == "A"
    exchange.tick(10_000_000)
    assert exchange.state.positions == {}
    assert exchange.state.pool.total_locked_value_sats == 200_200_000


def test_a_pool_of_one_sat_pays_no_more_than_it_has() -> None:
    exchange = Exchange(tlv=1, tps=1)
    exchange.admin(UNLIMITED)
    exchange.open("A", LONG, 1_000, 50)
    exchange.tick(66_000)
    settled = only(TraderOrderEvent, exchange.close("A")).order
    assert settled.available_margin_sats == 1_001
    assert exchange.state.shortfall_sats > 0


def crowd(count: int) -> Exchange:
    """Return an exchange with so many longs and shorts of different leverage."""
    exchange = Exchange(tlv=2**50, tps=2**30, checked=False)
    for number in range(count):
        exchange.open(f"T{number}", LONG if number % 2 else SHORT, 1_000 + number, 2 + number % 49)
    return exchange


def test_ten_thousand_liquidations_in_one_tick_lose_no_sat() -> None:
    exchange = crowd(20_000)
    margins = sum(
        held.order.initial_margin_sats for held in exchange.state.positions.values() if held.order.side is LONG
    )
    before = exchange.state.pool
    made = exchange.tick(20_000)
    count = Counter(kinds(made))
    assert count["TraderOrderLiquidation"] == 10_000
    assert exchange.state.pool.total_locked_value_sats == before.total_locked_value_sats + margins
    assert exchange.state.pool.nonce == before.nonce + 10_000
    assert violations(exchange.state) == []
    assert exchange.state.exposure.long_size == 0


def test_a_halt_cancels_a_thousand_resting_orders() -> None:
    exchange = Exchange(checked=False)
    for number in range(1_000):
        exchange.open(f"T{number}", LONG, 1_000, 2, limit=1_000 + number)
    exchange.admin(SetMarketHaltCall(True, cancel_pending_limit_orders=True))
    assert exchange.state.positions == {}
    assert violations(exchange.state) == []


def test_the_log_of_a_crowd_gives_the_state_back() -> None:
    exchange = crowd(300)
    for number in range(0, 300, 3):
        exchange.close(f"T{number}", 65_000 + number, order_type=OrderType.LIMIT)
        exchange.legs(f"T{number}", 60_000, 70_000)
    exchange.fund()
    exchange.tick(63_000)
    exchange.fund()
    exchange.tick(70_000)
    exchange.assert_recoverable()


def test_the_same_inputs_give_the_same_events_and_the_same_hash() -> None:  # I-24
    first, second = crowd(50), crowd(50)
    assert first.events == second.events
    assert state_hash(first.state) == state_hash(second.state)
