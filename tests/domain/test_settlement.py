"""How a position ends, by which trigger, and what it pays (engine 2.7 to 2.10, 3.4, 3.5, R10, R18)."""

from dataclasses import replace

import pytest
from tests.domain.exchange import LONG, SHORT, Exchange, aggregates, answers, only, statuses

from twilight.domain.model.events import PoolUpdate, RiskEngineUpdate, TraderOrderEvent, TxHash
from twilight.domain.model.inputs import UpdateFeesCall, UpdateRiskParamsCall
from twilight.domain.model.orders import OrderType, Side
from twilight.domain.model.profile import DEFAULT, REFERENCE, LiquidationBasis


def fees_paid(exchange: Exchange) -> float:
    return [event for event in exchange.events if isinstance(event, TraderOrderEvent)][-1].order.fee_settled_sats


def test_a_close_whose_stop_loss_and_take_profit_both_hold_settles_once() -> None:  # W-01
    exchange = Exchange(REFERENCE)
    exchange.open("A", LONG)
    exchange.tick(66_000)
    made = exchange.legs("A", sl=67_000, tp=65_500)
    assert statuses(made) == ["SETTLED"]
    assert only(TraderOrderEvent, made).order.available_margin_sats == 114_358


@pytest.mark.parametrize("leg", ["sl", "tp"])
@pytest.mark.parametrize("side", [LONG, SHORT])
def test_a_leg_at_the_very_price_closes_at_once_and_one_a_dollar_away_waits(side: Side, leg: str) -> None:  # 3.3
    exchange = Exchange()
    exchange.open("A", side)
    away = 64_999.0 if (side is LONG) is (leg == "sl") else 65_001.0
    assert statuses(exchange.legs("A", **{leg: away})) == ["StopLossAdded" if leg == "sl" else "TakeProfitAdded"]
    assert statuses(exchange.legs("A", **{leg: 65_000.0}))[-1] == "SETTLED"


def test_a_losing_long_never_costs_more_than_its_margin() -> None:  # W-04
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.legs("A", sl=59_400)
    tlv = exchange.state.pool.total_locked_value_sats
    exchange.engine.state.triggers.liquidate_long.discard(exchange.uuid("A"))  # as if only the stop loss were there
    exchange.checked = False
    made = exchange.tick(55_000)
    settled = only(TraderOrderEvent, made).order
    assert settled.available_margin_sats == 0
    assert exchange.state.pool.total_locked_value_sats == tlv + 100_000


def test_a_winner_takes_at_most_the_pool_and_the_shortfall_is_reported() -> None:  # W-05
    exchange = Exchange(tlv=1_000_000)
    exchange.admin(UpdateRiskParamsCall(1_000.0, 1_000.0, 1_000.0))
    exchange.open("A", LONG, 1_000_000, 10)
    exchange.tick(650_000)
    made = exchange.close("A")
    first = next(event for event in made if isinstance(event, PoolUpdate))
    settled = only(TraderOrderEvent, made).order
    assert settled.available_margin_sats == 2_000_000
    assert exchange.state.pool.total_locked_value_sats == 0
    assert first.metadata is not None
    assert int(first.metadata["shortfall_sats"]) == exchange.state.shortfall_sats > 0


@pytest.mark.parametrize("missing_sats", [0, 1])
def test_a_winner_misses_what_the_pool_has_not_to_the_sat(missing_sats: int) -> None:  # W-05
    exchange = Exchange()
    exchange.open("A")
    exchange.tick(66_000)
    exchange.state.pool.total_locked_value_sats = 14_358 - missing_sats  # he has won 14,358
    exchange.close("A")
    assert exchange.state.shortfall_sats == missing_sats
    assert exchange.state.pool.total_locked_value_sats == 0


def test_a_payment_is_rounded_once_for_trader_and_pool() -> None:  # W-06
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.tick(66_000)
    tlv = exchange.state.pool.total_locked_value_sats
    made = exchange.close("A")
    settled = only(TraderOrderEvent, made).order
    first = next(event for event in made if isinstance(event, PoolUpdate))
    assert first.pool.pending_orders.amount_sats == settled.available_margin_sats - 100_000
    assert exchange.state.pool.total_locked_value_sats == tlv - (settled.available_margin_sats - 100_000)


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
    setter = f"REQID{exchange.request:064X}"
    made = exchange.tick(59_000)
    assert statuses(made) == ["CancelledStopLoss", "LIQUIDATE"]
    assert [record.request_id for record in answers(made)] == [setter, ""]  # R26


def test_replacing_a_trigger_makes_it_the_last_among_equals() -> None:  # R25
    exchange = Exchange()
    for account in ("A", "B"):
        exchange.open(account)
        exchange.legs(account, sl=64_000)
    exchange.legs("A", sl=64_000)
    assert [record.account_id for record in answers(exchange.tick(63_999))] == ["B", "A"]


def test_a_position_closed_by_a_stop_loss_request_stays_closed_after_recovery() -> None:  # W-21
    exchange = Exchange()
    exchange.open("A")
    exchange.legs("A", sl=66_000)
    exchange.open("B", limit=64_000)
    exchange.cancel_legs("B", order_type=OrderType.LIMIT)
    assert exchange.refold().positions == {}
    exchange.assert_recoverable()


def test_a_liquidated_account_may_trade_again() -> None:  # W-17
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.tick(59_000)
    exchange.tick(65_000)
    assert statuses(exchange.open("A")) == ["FILLED"]


def test_the_liquidation_price_can_follow_the_available_margin() -> None:  # W-12
    exchange = Exchange(replace(DEFAULT, liquidation_basis=LiquidationBasis.AVAILABLE))
    exchange.open("A", LONG)
    assert exchange.order("A").liquidation_price == pytest.approx(59_352.06, abs=0.005)


def test_fractions_of_sizes_leave_no_dust_when_the_book_is_empty() -> None:  # W-34
    exchange = Exchange()
    for number in range(20):
        exchange.tick(65_000 + number)
        exchange.open(f"T{number}", LONG if number % 2 else SHORT, 1_001 + number, 7)
    for number in range(20):
        exchange.close(f"T{number}")
    sums = exchange.state.exposure
    assert (sums.long_size, sums.short_size, sums.long_sats, sums.short_sats, sums.accrued_sats) == (0, 0, 0, 0, 0)
    exchange.fund()
    assert exchange.state.funding_rate_pct == 0.0


def test_exposure_events_show_the_totals_after_each_change() -> None:
    exchange = Exchange()
    exchange.open("A", LONG)
    made = exchange.close("A")
    assert only(RiskEngineUpdate, made).state.total_long_sats == 0
    assert isinstance(made[-1], TxHash)
