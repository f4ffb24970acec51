"""What the chain refuses is tried again later; that holds back nothing else, and nobody gains by it (R9, R29, C11)."""

import pytest
from tests.domain.exchange import LONG, Exchange, kinds, only, reason, statuses

from twilight.domain.chain import Attached, LenientPayloads, Operation
from twilight.domain.events import Event, IntentOpened
from twilight.domain.inflight import Intent
from twilight.domain.inputs import UpdateRiskParamsCall


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(chain=Attached(LenientPayloads()))


def asked(made: list[Event]) -> Intent:
    return only(IntentOpened, made).intent


def with_a_stop_loss_that_was_often_refused(exchange: Exchange) -> None:
    exchange.answer(asked(exchange.open("A", LONG)))
    exchange.legs("A", sl=64_000)
    for _ in range(6):
        exchange.wait(70)
        assert statuses(exchange.answer(asked(exchange.tick(63_900)), accepts=False)) == ["RejectedFromChain"]
    assert kinds(exchange.tick(63_900)) == ["CurrentPriceUpdate"]  # it waits for its next turn


def test_a_stop_loss_that_the_chain_refuses_does_not_put_off_a_liquidation(exchange: Exchange) -> None:
    with_a_stop_loss_that_was_often_refused(exchange)
    intent = asked(exchange.tick(59_000))
    assert intent.operation is Operation.LIQUIDATE
    exchange.answer(intent)
    assert "A" not in exchange.state.trader_accounts
    exchange.assert_recoverable()


def test_a_stop_loss_that_replaces_a_refused_one_fires_at_once(exchange: Exchange) -> None:
    with_a_stop_loss_that_was_often_refused(exchange)
    exchange.legs("A", sl=63_800)
    assert asked(exchange.tick(63_700)).operation is Operation.SETTLE
    exchange.assert_recoverable()


def test_a_liquidation_that_was_refused_waits_and_the_stop_loss_with_it(exchange: Exchange) -> None:
    exchange.answer(asked(exchange.open("A", LONG)))
    exchange.legs("A", sl=64_000)
    exchange.answer(asked(exchange.tick(59_000)), accepts=False)
    exchange.assert_recoverable()
    assert kinds(exchange.tick(59_000)) == ["CurrentPriceUpdate"]
    exchange.wait(70)
    assert asked(exchange.tick(59_000)).operation is Operation.LIQUIDATE


def test_a_withdrawal_leaves_room_for_the_opens_that_are_in_flight(exchange: Exchange) -> None:  # R29, C11
    exchange.answer(asked(exchange.lend("L", 1_000_000_000)))
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.02))
    exchange.open("A", LONG, 2_000_000, 10)
    assert reason(exchange.withdraw("L")).startswith("OI_LIMIT_REACHED exposure 20000000 sats, limit after")


def test_an_open_finds_no_room_that_a_withdrawal_in_flight_takes_away(exchange: Exchange) -> None:  # R29, C11
    exchange.answer(asked(exchange.lend("L", 1_000_000_000)))
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.01))
    leaving = asked(exchange.withdraw("L"))
    assert reason(exchange.open("A", LONG, 300_000, 10)).startswith("OI_LIMIT_REACHED")
    exchange.answer(leaving, accepts=False)
    assert kinds(exchange.open("A", LONG, 300_000, 10)) == ["IntentOpened"]
