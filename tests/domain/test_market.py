"""What feed, switches, limits and age let through, and at which price (engine 7, R2 to R6, R22 to R31, C8)."""

from dataclasses import replace

import pytest
from tests.domain.exchange import LONG, SHORT, Exchange, aggregates, kinds, only, reason, statuses

from twilight.domain.model.commands import CreateTraderOrder, OpenRequest
from twilight.domain.model.events import CurrentPriceUpdate, TraderOrderEvent, TxHash
from twilight.domain.model.inputs import (
    CommandInput,
    FeedStatus,
    SetMarketCloseOnlyCall,
    SetMarketHaltCall,
    Tick,
    UpdateRiskParamsCall,
)
from twilight.domain.model.orders import OrderStatus, OrderType, Side


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


def test_a_price_that_is_paused_cannot_be_traded_at() -> None:  # R3
    exchange = Exchange()
    exchange.open("A")
    exchange.tick(66_000, FeedStatus.HOLD)
    for made in (exchange.open("B"), exchange.close("A"), exchange.lend("L", 10**6)):
        assert statuses(made) == ["RejectedByRiskEngine"]
        assert reason(made).startswith("PRICE_FEED_PAUSED")
    assert statuses(exchange.cancel_legs("A", sl=True)) == ["OrderNotFound"]
    assert isinstance(
        exchange.would(
            CommandInput(
                CreateTraderOrder(  # nothing is changed by asking
                    OpenRequest("Z", LONG, OrderType.MARKET, 1.0, 1e5, 1e5, OrderStatus.PENDING, 0.0, 0.0), {}, "", "R"
                )
            )
        )[0],
        TxHash,
    )


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_lending_waits_for_a_price_while_a_position_of_either_side_is_open(side: Side) -> None:  # R3
    exchange = Exchange()
    exchange.open("A", side, margin=1, leverage=1)
    exchange.status = FeedStatus.HOLD
    assert reason(exchange.lend("L", 1_000_000)).startswith("PRICE_FEED_PAUSED")


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


def test_a_halt_stops_fills_but_not_liquidations_and_lets_cancels_through() -> None:  # W-45, R3
    exchange = Exchange()
    exchange.open("A", LONG, limit=60_000)
    exchange.open("B", LONG)
    exchange.open("C", LONG, limit=58_000)
    exchange.admin(SetMarketHaltCall(True))
    assert statuses(exchange.close("B")) == ["RejectedByRiskEngine"]
    assert statuses(exchange.cancel("C")) == ["CANCELLED"]
    assert statuses(exchange.tick(59_000)) == ["LIQUIDATE"]
    assert exchange.order("A").status is OrderStatus.PENDING


def test_ending_a_halt_cancels_nothing() -> None:  # engine 11
    exchange = Exchange()
    exchange.open("A", limit=64_000)
    exchange.open("B")
    exchange.legs("B", sl=60_000)
    exchange.admin(SetMarketHaltCall(False, cancel_pending_limit_orders=True, cancel_settling_limit_orders=True))
    assert exchange.order("A").status is OrderStatus.PENDING
    assert exchange.uuid("B") in exchange.state.triggers.stop_loss_long


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


def test_opens_cannot_together_pass_a_limit_that_each_alone_would_keep() -> None:  # W-14
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.025))
    made = [statuses(exchange.open(account, margin=200_000, leverage=20)) for account in ("A", "B")]
    assert made == [["FILLED"], ["RejectedByRiskEngine"]]


def test_a_close_that_waited_too_long_is_refused() -> None:  # C8
    exchange = Exchange()
    exchange.open("A")
    made = exchange.close("A", age_s=61)
    assert (statuses(made), aggregates(made)) == (["RejectedByRiskEngine"], ["tx_risk_rejected"])
    assert reason(made).startswith("COMMAND_TOO_OLD")
    assert statuses(exchange.close("A", age_s=60)) == ["SETTLED"]
