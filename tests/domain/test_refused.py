"""What the chain refuses is tried again later; that holds back nothing else, and nobody gains by it (R9, R29, C11)."""

import pytest
from tests.domain.exchange import LONG, SHORT, Exchange, aggregates, answers, kinds, only, reason, slices_of, statuses

from twilight.domain.model.chain import (
    Accepted,
    Attached,
    ChainRequest,
    Disabled,
    LenientPayloads,
    Operation,
    Refusal,
    Refused,
)
from twilight.domain.model.events import Event, IntentOpened, TraderOrderEvent
from twilight.domain.model.inflight import Intent
from twilight.domain.model.inputs import UpdateRiskParamsCall
from twilight.domain.model.orders import OrderStatus, OrderType


class MoodyChain(Disabled):
    """Accepts everything but the operations it is told to refuse."""

    def __init__(self, *refuses: Operation) -> None:
        super().__init__(LenientPayloads())
        self.refuses = set(refuses)

    def submit(self, request: ChainRequest) -> Accepted | Refused:
        if request.operation in self.refuses:
            return Refused(Refusal.REJECTED, "no")
        return super().submit(request)


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


@pytest.mark.parametrize("slice_", [1_000, 1])
def test_a_close_that_the_chain_refuses_gets_no_position_past_the_hour(exchange: Exchange, slice_: int) -> None:
    for account in ("A", "B", "C"):
        exchange.answer(asked(exchange.open(account, LONG, 80_000, 50)))
    closing = asked(exchange.close("A"))
    with slices_of(slice_):
        exchange.fund()
    assert exchange.order("A").available_margin_sats > exchange.order("B").available_margin_sats
    exchange.tick(66_000)
    exchange.answer(closing, accepts=False)
    paid, usual = exchange.order("A"), exchange.order("B")
    assert paid.available_margin_sats == usual.available_margin_sats
    assert paid.liquidation_price == usual.liquidation_price
    exchange.assert_recoverable()
    before = paid.available_margin_sats
    exchange.answer(asked(exchange.close("A")), accepts=False)
    assert exchange.order("A").available_margin_sats == before  # nobody pays an hour twice


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


def test_a_refused_liquidation_stays_open_and_is_tried_again_later() -> None:  # W-27, R9
    chain = MoodyChain(Operation.LIQUIDATE)
    exchange = Exchange(chain=chain)
    exchange.open("A", LONG)
    made = exchange.tick(59_000)
    assert statuses(made) == ["RejectedFromChain"]
    assert aggregates(made)[-1] == f"AddLiquidationPrice-{exchange.uuid('A')}"
    chain.refuses.clear()
    assert statuses(exchange.tick(59_000)) == []
    exchange.wait(5)
    assert statuses(exchange.tick(59_000)) == ["LIQUIDATE"]
    assert exchange.state.retries == {}
    exchange.assert_recoverable()


def test_a_refused_trigger_is_put_back_and_judged_at_a_fresh_price() -> None:  # W-27, R9
    chain = MoodyChain(Operation.SETTLE)
    exchange = Exchange(chain=chain)
    exchange.open("A", LONG)
    exchange.legs("A", sl=64_000, tp=70_000)
    assert statuses(exchange.tick(63_900)) == ["RejectedFromChain"]
    chain.refuses.clear()
    exchange.wait(5)
    assert statuses(exchange.tick(64_500)) == []
    made = exchange.tick(63_000)
    assert statuses(made) == ["CancelledTakeProfit", "SETTLED"]
    assert only(TraderOrderEvent, made).order.settlement_price == 63_000
    exchange.assert_recoverable()


def test_what_was_refused_is_tried_again_at_the_very_moment_that_it_may() -> None:  # R9
    chain = MoodyChain(Operation.LIQUIDATE)
    exchange = Exchange(chain=chain)
    exchange.open("A", LONG)
    exchange.tick(59_000)
    chain.refuses.clear()
    (retry,) = exchange.state.retries.values()
    exchange.now_ns = retry.not_before_ns - 10**9  # the tick takes a second
    assert statuses(exchange.tick(59_000)) == ["LIQUIDATE"]


def test_each_refusal_doubles_the_wait_up_to_a_minute() -> None:  # R9
    exchange = Exchange(chain=MoodyChain(Operation.LIQUIDATE))
    exchange.open("A", LONG)
    waits_s = list[float]()
    for _ in range(7):
        exchange.wait(60)
        exchange.tick(59_000)
        (retry,) = exchange.state.retries.values()
        waits_s.append((retry.not_before_ns - exchange.now_ns) / 10**9)
    assert waits_s == [2, 4, 8, 16, 32, 60, 60]


def test_a_trigger_that_was_put_back_still_answers_the_request_that_set_it() -> None:  # W-27, W-41, R26
    chain = MoodyChain(Operation.SETTLE)
    exchange = Exchange(chain=chain)
    exchange.open("A", LONG)
    exchange.legs("A", sl=64_000)
    setter = f"REQID{exchange.request:064X}"
    assert statuses(exchange.tick(63_900)) == ["RejectedFromChain"]
    chain.refuses.clear()
    exchange.wait(5)
    (record,) = answers(exchange.tick(63_900))
    assert (record.status, record.request_id) == (OrderStatus.SETTLED, setter)


def test_a_stop_loss_that_backs_off_is_not_lost_to_anothers_take_profit() -> None:  # W-27, R9, S6
    chain = MoodyChain(Operation.SETTLE)
    exchange = Exchange(chain=chain)
    exchange.open("A", LONG)
    exchange.open("B", SHORT)
    exchange.legs("B", tp=63_500)
    exchange.legs("A", sl=64_000)
    for _ in range(4):
        exchange.wait(20)
        exchange.tick(63_900)
    chain.refuses.clear()
    assert "SETTLED" in statuses(exchange.tick(63_400))
    assert exchange.uuid("A") in exchange.state.triggers.stop_loss_long
    exchange.wait(100)
    assert "SETTLED" in statuses(exchange.tick(62_000))
    assert "A" not in exchange.state.trader_accounts


def test_a_refused_close_is_answered_under_the_type_of_its_order() -> None:  # engine 3.4
    exchange = Exchange(chain=MoodyChain(Operation.SETTLE))
    exchange.open("A", LONG, limit=64_000)
    exchange.tick(64_000)
    (record,) = answers(exchange.close("A"))
    assert (record.status, record.order_type) == (OrderStatus.REJECTED_FROM_CHAIN, OrderType.LIMIT)


def test_a_failed_fill_releases_its_exposure_and_its_account() -> None:  # W-16
    chain = MoodyChain(Operation.FILL)
    exchange = Exchange(chain=chain)
    exchange.open("A", LONG, limit=64_000)
    made = exchange.tick(63_000)
    assert kinds(made)[2:] == ["RiskEngineUpdate", "TxHashUpdate", "TraderOrder"]
    assert exchange.state.exposure.pending_long_sats == 0
    assert statuses(exchange.open("A")) == ["FILLED"]
    exchange.assert_recoverable()


def test_a_failed_deposit_leaves_the_account_free() -> None:  # W-18
    chain = MoodyChain(Operation.DEPOSIT)
    exchange = Exchange(chain=chain)
    assert statuses(exchange.lend("L", 1_000_000)) == ["RejectedFromChain"]
    chain.refuses.clear()
    assert statuses(exchange.lend("L", 1_000_000)) == ["FILLED"]
