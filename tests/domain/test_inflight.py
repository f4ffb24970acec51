"""With a chain attached nothing happens before it answers, and what is asked is reserved until then (C11)."""

from dataclasses import replace

import pytest
from tests.domain.exchange import LONG, SHORT, Exchange, aggregates, answers, kinds, only, reason, slices_of, statuses

from twilight.domain.books.snapshot import dump, load, state_hash
from twilight.domain.model.chain import Attached, Disabled, LenientPayloads, Operation, PayloadError
from twilight.domain.model.events import Event, IntentOpened, TraderOrderEvent, TraderOrderLiquidation
from twilight.domain.model.inflight import Intent
from twilight.domain.model.inputs import (
    FeedStatus,
    QueuePosition,
    SetMarketHaltCall,
    UpdateFeesCall,
    UpdateRiskParamsCall,
)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(chain=Attached(LenientPayloads()))


def intent_of(made: list[Event]) -> Intent:
    return only(IntentOpened, made).intent


def opened(exchange: Exchange, account: str, side: str = "LONG", **details: float) -> None:
    exchange.answer(intent_of(exchange.open(account, LONG if side == "LONG" else SHORT, **details)))


def test_an_open_is_filled_by_the_answer_at_the_price_of_its_admission(exchange: Exchange) -> None:
    made = exchange.open("A", LONG)
    assert kinds(made) == ["IntentOpened"]
    assert exchange.state.positions == {}
    exchange.tick(66_000)
    done = exchange.answer(intent_of(made))
    assert kinds(done) == ["RiskEngineUpdate", "PositionSizeLogDBUpdate", "TraderOrder", "TxHash"]
    assert exchange.order("A").entry_price == 65_000
    assert exchange.state.intents == {}
    exchange.assert_recoverable()


def test_a_refused_open_leaves_the_account_free(exchange: Exchange) -> None:
    made = exchange.open("A")
    assert statuses(exchange.open("A")) == ["DuplicateOrder"]
    assert statuses(exchange.answer(intent_of(made), accepts=False)) == ["RejectedFromChain"]
    assert kinds(exchange.open("A")) == ["IntentOpened"]


def test_an_answer_that_comes_twice_changes_nothing(exchange: Exchange) -> None:
    intent = intent_of(exchange.open("A"))
    exchange.answer(intent)
    before = state_hash(exchange.state)
    assert exchange.answer(intent, accepts=False) == []
    assert state_hash(exchange.state) == before


@pytest.mark.parametrize(("status", "ends"), [(FeedStatus.HEALTHY, True), (FeedStatus.HOLD, False)])
def test_an_answer_sets_off_a_liquidation_that_waited_only_at_a_price_that_holds(
    exchange: Exchange,
    status: FeedStatus,
    ends: bool,  # noqa: FBT001
) -> None:
    opened(exchange, "A")
    opened(exchange, "B")
    closing = intent_of(exchange.close("A"))
    assert kinds(exchange.tick(59_000)) == ["CurrentPriceUpdate"]  # the pool is busy with A
    exchange.status = status
    made = exchange.answer(closing)
    asked = [event.intent.operation for event in made if isinstance(event, IntentOpened)]
    assert asked == ([Operation.LIQUIDATE] if ends else [])


def test_a_late_answer_to_an_earlier_request_does_not_end_a_later_one(exchange: Exchange) -> None:
    opening = intent_of(exchange.open("A"))
    exchange.answer(opening)
    closing = intent_of(exchange.close("A"))
    assert exchange.answer(opening) == []
    assert statuses(exchange.answer(closing)) == ["SETTLED"]


def test_an_open_in_flight_counts_on_its_own_side(exchange: Exchange) -> None:
    exchange.admin(UpdateRiskParamsCall(max_net_mult=0.01))
    exchange.open("A", LONG, 150_000, 10)
    assert reason(exchange.open("B", LONG, 100_000, 10)).startswith("SKEW_LIMIT_REACHED")
    assert kinds(exchange.open("C", SHORT, 150_000, 10)) == ["IntentOpened"]
    assert kinds(exchange.open("D", LONG, 100_000, 10)) == ["IntentOpened"]


def test_opens_in_flight_count_toward_the_limits(exchange: Exchange) -> None:
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.01))
    exchange.open("A", LONG, 150_000, 10)
    assert reason(exchange.open("B", LONG, 100_000, 10)).startswith("OI_LIMIT_REACHED")


def test_commands_on_an_order_in_flight_are_told_so(exchange: Exchange) -> None:
    opened(exchange, "A")
    exchange.close("A")
    for made in (
        exchange.close("A"),
        exchange.close("A", 70_000),
        exchange.legs("A", 60_000),
        exchange.cancel("A"),
        exchange.cancel_legs("A", sl=True),
    ):
        assert statuses(made) == ["OrderNotFound"]
        assert reason(made).startswith("IN_FLIGHT")


def test_ticks_and_funding_pass_by_what_is_in_flight(exchange: Exchange) -> None:
    for account in ("A", "B"):
        opened(exchange, account)
    intent = intent_of(exchange.close("A"))
    assert statuses(exchange.tick(64_900)) == []
    made = exchange.fund()
    assert [event.order.account_id for event in made if hasattr(event, "order")] == ["B"]
    exchange.tick(50_000)
    assert exchange.state.intents.keys() == {intent.uuid}
    done = exchange.answer(intent)
    assert only(TraderOrderEvent, done).order.settlement_price == 65_000
    assert only(TraderOrderEvent, done).order.available_margin_sats == intent.amount_sats
    exchange.assert_recoverable()


def test_a_close_waits_while_the_pool_is_busy_and_is_decided_at_the_price_of_its_turn(exchange: Exchange) -> None:
    for account in ("A", "B"):
        opened(exchange, account)
    first = intent_of(exchange.close("A"))
    waiting = intent_of(exchange.close("B"))
    assert waiting.operation is None
    exchange.tick(66_000)
    exchange.assert_recoverable()
    done = exchange.answer(first)
    assert statuses(done) == ["SETTLED"]
    second = intent_of(done)
    assert (second.operation, second.price) == (Operation.SETTLE, 66_000)
    assert exchange.state.waiting == {}
    done = exchange.answer(second)
    assert [record.request_id for record in answers(done)] == [f"REQID{4:064X}"]
    exchange.assert_recoverable()


def test_lenders_wait_their_turn_too(exchange: Exchange) -> None:
    first = intent_of(exchange.lend("L", 1_000_000))
    assert statuses(exchange.lend("L", 5_000_000)) == ["DuplicateOrder"]
    exchange.lend("M", 2_000_000)
    second = intent_of(exchange.answer(first))
    assert second.account_id == "M"
    exchange.answer(second)
    third = intent_of(exchange.withdraw("L"))
    exchange.withdraw("M")
    done = exchange.answer(third, accepts=False)
    assert statuses(done) == ["RejectedFromChain"]
    exchange.answer(intent_of(done))
    assert set(exchange.state.lender_accounts) == {"L"}
    exchange.assert_recoverable()


def test_positions_are_liquidated_one_at_a_time_each_as_soon_as_the_one_before_is_answered(exchange: Exchange) -> None:
    for account in ("A", "B"):
        opened(exchange, account)
    made = exchange.tick(59_000)
    first = intent_of(made)
    assert aggregates(made)[1].startswith("RemoveLiquidationPrice-")
    assert kinds(exchange.tick(59_000)) == ["CurrentPriceUpdate"]
    done = exchange.answer(first)
    assert statuses(done) == ["LIQUIDATE"]
    assert only(TraderOrderLiquidation, done).command.meta["CurrentPrice"] == "59000"
    second = intent_of(done)
    assert statuses(exchange.answer(second, accepts=False)) == ["RejectedFromChain"]
    assert kinds(exchange.tick(58_000)) == ["CurrentPriceUpdate"]
    exchange.wait(5)
    exchange.answer(intent_of(exchange.tick(58_000)))
    assert exchange.state.positions == {}
    exchange.assert_recoverable()


def test_positions_are_numbered_as_the_chain_answers_them(exchange: Exchange) -> None:
    first, second = intent_of(exchange.open("A")), intent_of(exchange.open("B"))
    exchange.answer(second)
    exchange.answer(first)
    assert [exchange.order(account).entry_sequence for account in ("B", "A")] == [1, 2]


def test_a_deposit_that_is_being_withdrawn_cannot_be_withdrawn_again(exchange: Exchange) -> None:
    exchange.answer(intent_of(exchange.lend("L", 1_000_000)))
    withdrawing = intent_of(exchange.withdraw("L"))
    made = exchange.withdraw("L")
    assert statuses(made) == ["OrderNotFound"]
    assert reason(made).startswith("IN_FLIGHT")
    assert statuses(exchange.answer(withdrawing)) == ["SETTLED"]


def test_a_large_hour_asks_the_chain_to_end_one_position_at_a_time(exchange: Exchange) -> None:
    for account, leverage in (("A", 1), ("B", 10), ("C", 10)):
        opened(exchange, account, leverage=leverage)
    exchange.admin(UpdateFeesCall(10.0, 10.0, 0.04, 0.02))  # B and C must now keep more than they have
    with slices_of(1):
        made = exchange.fund_without_slices()
    assert [event.intent.account_id for event in made if isinstance(event, IntentOpened)] == ["B"]


def test_triggers_of_different_kinds_are_settled_one_at_a_time(exchange: Exchange) -> None:
    opened(exchange, "A")
    opened(exchange, "B", "SHORT")
    exchange.legs("A", sl=64_000)
    exchange.legs("B", tp=64_000)
    for _ in range(2):
        exchange.answer(intent_of(exchange.tick(63_900)))
    assert exchange.state.positions == {}


def test_a_trigger_that_the_chain_refuses_is_put_back_with_the_others_it_fired_with(exchange: Exchange) -> None:
    opened(exchange, "A", "SHORT")
    exchange.close("A", 61_000)
    exchange.legs("A", tp=60_500)
    done = exchange.answer(intent_of(exchange.tick(60_000)), accepts=False)
    assert statuses(done) == ["RejectedFromChain"]
    uuid = exchange.uuid("A")
    sets = exchange.state.triggers
    assert (sets.close_short.score(uuid), sets.take_profit_short.score(uuid)) == (610_000_000, 605_000_000)
    exchange.assert_recoverable()


def test_a_fill_sets_its_legs_when_it_is_answered(exchange: Exchange) -> None:
    exchange.open_with_legs("A", limit=64_000, sl=60_000)
    intent = intent_of(exchange.tick(63_900))
    assert statuses(exchange.cancel("A")) == ["OrderNotFound"]
    exchange.admin(SetMarketHaltCall(True, cancel_pending_limit_orders=True))
    assert statuses(exchange.answer(intent)) == ["FILLED", "StopLossAdded"]
    assert exchange.order("A").entry_price == 63_900
    exchange.assert_recoverable()


def test_a_market_open_sets_its_legs_when_it_is_answered(exchange: Exchange) -> None:
    made = exchange.open_with_legs("A", sl=66_000)
    done = exchange.answer(intent_of(made))
    assert statuses(done) == ["FILLED"]
    assert statuses(exchange.answer(intent_of(done))) == ["SETTLED"]
    exchange.assert_recoverable()


def test_a_position_that_funding_uses_up_ends_with_the_answer_or_is_charged(exchange: Exchange) -> None:
    opened(exchange, "A", margin=100_000, leverage=40)
    while not exchange.state.intents:
        made = exchange.fund()
    intent = intent_of(made)
    margin = exchange.order("A").available_margin_sats
    done = exchange.answer(intent, accepts=False)
    assert kinds(done) == ["TxHashUpdate", "TraderOrderFundingUpdate"]
    assert exchange.order("A").available_margin_sats < margin
    assert statuses(exchange.answer(intent_of(exchange.fund()))) == ["LIQUIDATE"]
    exchange.assert_recoverable()


def test_a_first_hour_that_changes_no_figure_counts_as_the_first_also_if_the_chain_refuses_to_end_the_position(
    exchange: Exchange,
) -> None:
    exchange.admin(UpdateRiskParamsCall(mm_ratio=9.93))  # what the fee has left of the margin does not maintain it
    opened(exchange, "A", margin=10_000)
    opened(exchange, "B", "SHORT", margin=10_000)
    before = exchange.order("A")
    done = exchange.answer(intent_of(exchange.fund()), accepts=False)
    assert kinds(done) == ["TxHashUpdate", "TraderOrderFundingUpdate"]
    assert exchange.order("A") == before
    assert exchange.state.positions[before.uuid].funded  # from the next hour on it receives (R21)
    exchange.assert_recoverable()


def test_each_hour_that_changes_no_figure_has_a_record_also_if_the_chain_refuses_to_end_the_position(
    exchange: Exchange,
) -> None:
    exchange.admin(UpdateRiskParamsCall(mm_ratio=9.93))  # what the fee has left of the margin does not maintain it
    opened(exchange, "A", margin=10_000)
    opened(exchange, "B", "SHORT", margin=10_000)
    for _ in range(3):
        before = exchange.order("A")
        done = exchange.answer(intent_of(exchange.fund()), accepts=False)
        assert kinds(done) == ["TxHashUpdate", "TraderOrderFundingUpdate"]
        assert exchange.order("A") == before
    exchange.assert_recoverable()


def test_a_snapshot_keeps_what_is_in_flight(exchange: Exchange) -> None:
    opened(exchange, "A")
    opened(exchange, "B")
    intent = intent_of(exchange.close("A"))
    exchange.close("B")
    exchange.open("C", SHORT)
    restored = load(dump(exchange.state))
    assert restored.intents == exchange.state.intents
    assert restored.waiting == exchange.state.waiting
    exchange.engine.state = restored
    assert statuses(exchange.answer(intent)) == ["SETTLED"]


def test_an_intent_read_after_its_answer_opens_nothing(exchange: Exchange) -> None:
    exchange.answer(intent_of(exchange.open("A")))
    log_first = sorted(exchange.events, key=lambda event: isinstance(event, IntentOpened))
    restored = exchange.refold(log_first)
    assert restored.intents == {}
    assert state_hash(restored) == state_hash(exchange.state)


class Picky(LenientPayloads):
    def open_memo(self, payload: str, entry_price: int, position_size: int, fee_sats: int) -> str | None:
        raise PayloadError(f"{payload} {entry_price} {position_size} {fee_sats}")


def test_what_does_not_decode_is_never_sent() -> None:
    exchange = Exchange(chain=Attached(Picky()))
    assert statuses(exchange.open("A")) == ["SerializationError"]


def test_liquidations_go_before_the_closes_that_wait_for_the_pool(exchange: Exchange) -> None:
    for account in ("A", "B", "C"):
        opened(exchange, account, leverage=40 if account == "C" else 10)
    first = intent_of(exchange.close("A"))
    exchange.close("B")
    exchange.tick(63_500)
    second = intent_of(exchange.answer(first))
    assert (second.operation, second.account_id) == (Operation.LIQUIDATE, "C")
    third = intent_of(exchange.answer(second))
    assert (third.operation, third.account_id) == (Operation.SETTLE, "B")
    exchange.assert_recoverable()


def test_a_request_that_is_repeated_while_the_chain_is_asked_changes_nothing(exchange: Exchange) -> None:
    intent = intent_of(exchange.open("A"))
    command = intent.caused.command
    assert exchange.command(command) == []
    exchange.answer(intent)
    assert exchange.command(command) == []


def test_a_command_whose_answer_is_owed_counts_as_read(exchange: Exchange) -> None:
    intent = intent_of(exchange.open("A"))
    command, position = intent.caused.command, QueuePosition("q", "id", 7)
    other = replace(command, request_id=f"REQID{99:064X}") if command is not None else None
    exchange.answer(intent, accepts=False)
    exchange.command(other, position)
    assert exchange.state.queues == {}
    assert exchange.state.read_positions() == {"q": ("id", 7)}
    assert exchange.command(other, position) == []


def test_what_was_answered_long_ago_opens_nothing_when_it_is_read_again(exchange: Exchange) -> None:
    for number in range(20):
        exchange.answer(intent_of(exchange.open(f"A{number}")))
    assert (exchange.state.answered.up_to, exchange.state.answered.beyond) == (20, set())
    for event in exchange.events:
        if isinstance(event, IntentOpened):
            exchange.engine.fold(event)
    assert exchange.state.intents == {}


def test_answered_at_once_the_chain_makes_the_same_exchange_as_none() -> None:
    attached, disabled = Exchange(chain=Attached(LenientPayloads())), Exchange(chain=Disabled(LenientPayloads()))

    def settle_all() -> None:
        while attached.state.intents:
            attached.answer(next(iter(attached.state.intents.values())))

    for one in (attached, disabled):
        for act in (
            lambda e: e.open("A", LONG),
            lambda e: e.open("B", SHORT, 50_000, 5, 66_000),
            lambda e: e.lend("C", 1_000_000),
            lambda e: e.tick(66_000),
            lambda e: e.fund(500_000),
            lambda e: e.close("A"),
            lambda e: e.tick(82_500),
            lambda e: e.withdraw("C"),
        ):
            act(one)
            settle_all()
    log = [event for event in attached.events if not isinstance(event, IntentOpened)]
    assert kinds(log) == kinds(disabled.events)
    assert attached.state.pool.total_locked_value_sats == disabled.state.pool.total_locked_value_sats
    assert [r.status for r in answers(log)] == [r.status for r in answers(disabled.events)]
