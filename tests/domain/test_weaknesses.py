"""Section 12 of the engine specification: what the reference does wrong and ours does right, severity A first."""

from dataclasses import replace

import pytest
from tests.domain.exchange import (
    LONG,
    SHORT,
    Exchange,
    aggregates,
    answers,
    keys,
    kinds,
    only,
    reason,
    statuses,
)

from twilight.domain.chain import Accepted, ChainRequest, Disabled, LenientPayloads, Operation, Refusal, Refused
from twilight.domain.commands import CloseRequest, CreateTraderOrder, ExecuteTraderOrder, OpenRequest
from twilight.domain.events import PoolUpdate, RiskEngineUpdate, SortedSetDBUpdate, TraderOrderEvent, TxHash
from twilight.domain.inputs import CommandInput, FeedStatus, QueuePosition, SetMarketHaltCall, UpdateRiskParamsCall
from twilight.domain.numbers import score
from twilight.domain.orders import OrderStatus, OrderType
from twilight.domain.profile import DEFAULT, REFERENCE, LiquidationBasis


class MoodyChain(Disabled):
    """Accepts everything but the operations it is told to refuse."""

    def __init__(self, *refuses: Operation) -> None:
        super().__init__(LenientPayloads())
        self.refuses = set(refuses)

    def submit(self, request: ChainRequest) -> Accepted | Refused:
        if request.operation in self.refuses:
            return Refused(Refusal.REJECTED, "no")
        return super().submit(request)


class NamedMemos(LenientPayloads):
    """A codec whose settle messages are the account's name in hex; `00` decodes to nothing."""

    def settle_owner(self, payload: str) -> str | None:
        return bytes.fromhex(payload).decode() if payload != "00" else None


# --- severity A ------------------------------------------------------------------------------------------------------


def test_a_close_whose_stop_loss_and_take_profit_both_hold_settles_once() -> None:  # W-01
    exchange = Exchange(REFERENCE)
    exchange.open("A", LONG)
    exchange.tick(66_000)
    made = exchange.legs("A", sl=67_000, tp=65_500)
    assert statuses(made) == ["SETTLED"]
    assert only(TraderOrderEvent, made).order.available_margin_sats == 114_358


@pytest.mark.parametrize("order_type", [OrderType.SLTP, OrderType.DARK, OrderType.LEND])
def test_an_open_that_is_neither_market_nor_limit_is_refused(order_type: OrderType) -> None:  # W-02
    exchange = Exchange()
    made = exchange.open("A", order_type=order_type, order_status=OrderStatus.FILLED, entry_price=1.0)
    assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])
    assert exchange.state.positions == {}


def test_a_stranger_can_neither_close_nor_cancel_nor_withdraw() -> None:  # W-03
    exchange = Exchange()
    exchange.open("A")
    exchange.legs("A", sl=60_000)
    exchange.open("R", limit=64_000)
    exchange.lend("L", 1_000_000)
    victim, deposit = exchange.uuid("A"), exchange.state.lender_accounts["L"]
    for made in (
        exchange.cancel("B", uuid=exchange.uuid("R")),
        exchange.close("B", uuid=victim),
        exchange.legs("B", sl=60_000, uuid=victim),
        exchange.cancel("B", uuid=victim),
        exchange.cancel_legs("B", sl=True, uuid=victim),
        exchange.withdraw("B", deposit),
    ):
        assert statuses(made) == ["OrderNotFound"]
    assert exchange.state.positions[victim].order.status is OrderStatus.FILLED
    assert victim in exchange.state.triggers.stop_loss_long
    assert exchange.order("R").status is OrderStatus.PENDING
    assert exchange.state.lender_accounts["L"] == deposit


def test_a_close_that_carries_another_accounts_memo_is_refused() -> None:  # W-03
    exchange = Exchange(chain=Disabled(NamedMemos()))
    exchange.open("A")
    request = CloseRequest("A", exchange.uuid("A"), OrderType.MARKET, 0.0, OrderStatus.FILLED, 0.0)
    made = exchange.command(ExecuteTraderOrder(request, {}, b"B".hex(), "REQIDX"))
    assert statuses(made) == ["OrderNotFound"]
    assert "another account" in reason(made)


def test_a_create_that_carries_another_accounts_settle_memo_is_refused() -> None:  # W-03, R8
    exchange = Exchange(chain=Disabled(NamedMemos()))
    made = exchange.open_with_legs("A", sl=60_000, settle=b"B".hex())
    assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])
    assert exchange.state.positions == {}
    assert statuses(exchange.open_with_legs("A", sl=60_000, settle=b"A".hex())) == ["FILLED", "StopLossAdded"]


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


def test_lending_and_withdrawing_at_once_never_wins_a_sat() -> None:  # W-07
    exchange = Exchange(replace(DEFAULT, lend_min_hold_s=0))
    for sats in (1_000, 1_499, 1_999, 777_777, 200_000_499):
        exchange.lend("L", sats)
        made = exchange.withdraw("L")
        paid = exchange.events[-2].order.new_lend_state_amount_sats  # type: ignore[union-attr]  # the lend event
        assert statuses(made) == ["SETTLED"]
        assert sats - 1_001 <= paid <= sats


def test_a_deposit_below_one_share_is_refused_in_both_profiles() -> None:  # W-07
    for profile in (DEFAULT, REFERENCE):
        made = Exchange(profile).lend("L", 400)
        assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])


@pytest.mark.parametrize("leverage", [0.5, 0, -1, 1.5, 51, float("nan"), float("inf")])
def test_leverage_is_a_whole_number_from_one_to_fifty(leverage: float) -> None:  # W-08, W-51
    made = Exchange().open("A", SHORT, leverage=leverage)
    assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])
    assert reason(made).startswith("leverage must be a whole number from 1 to 50, was ")


def test_the_liquidation_price_can_follow_the_available_margin() -> None:  # W-12
    exchange = Exchange(replace(DEFAULT, liquidation_basis=LiquidationBasis.AVAILABLE))
    exchange.open("A", LONG)
    assert exchange.order("A").liquidation_price == pytest.approx(59_352.06, abs=0.005)


def test_opens_cannot_together_pass_a_limit_that_each_alone_would_keep() -> None:  # W-14
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.025))
    made = [statuses(exchange.open(account, margin=200_000, leverage=20)) for account in ("A", "B")]
    assert made == [["FILLED"], ["RejectedByRiskEngine"]]


def test_a_liquidation_by_funding_frees_exposure_account_and_triggers() -> None:  # W-15
    exchange = Exchange()
    exchange.open("A", LONG, 100_000, 40)
    exchange.legs("A", sl=64_000, tp=70_000)
    while "A" in exchange.state.trader_accounts:
        made = exchange.fund()
    assert statuses(made) == ["CancelledStopLoss", "CancelledTakeProfit", "LIQUIDATE"]
    assert kinds(made)[:3] == ["PositionSizeLogDBUpdate", "RiskEngineUpdate", "SortedSetDBUpdate"]
    assert exchange.state.exposure.long_sats == 0
    exchange.assert_recoverable()


def test_a_position_closed_by_a_stop_loss_request_stays_closed_after_recovery() -> None:  # W-21
    exchange = Exchange()
    exchange.open("A")
    exchange.legs("A", sl=66_000)
    exchange.open("B", limit=64_000)
    exchange.cancel_legs("B", order_type=OrderType.LIMIT)
    assert exchange.refold().positions == {}
    exchange.assert_recoverable()


def test_no_two_records_that_put_a_trigger_share_a_key() -> None:  # W-23
    exchange = Exchange()
    exchange.open("A")
    made = exchange.legs("A", 60_000, 70_000) + exchange.close("A", 71_000) + exchange.legs("A", 59_000, 72_000)
    put = [event for event in made if isinstance(event, SortedSetDBUpdate)]
    assert [event.agg_id.partition("-")[0] for event in put] == ["AddCloseLimitPrice"] * 3 + [
        "UpdateCloseLimitPrice"
    ] * 2
    assert len(keys(put)) == len(put)


def test_a_log_of_which_only_the_newest_record_of_each_key_is_kept_still_holds_both_legs() -> None:  # W-23
    exchange = Exchange()
    exchange.open("A")
    exchange.legs("A", 60_000, 70_000)
    compacted = keys(exchange.events)
    sets = exchange.refold(list(compacted.values())).triggers
    uuid = exchange.uuid("A")
    assert list(sets.stop_loss_long) == [(uuid, score(60_000))]
    assert list(sets.take_profit_long) == [(uuid, score(70_000))]


def test_two_legs_that_were_not_there_are_answered_under_two_keys() -> None:  # W-23
    exchange = Exchange()
    exchange.open("A")
    made = exchange.cancel_legs("A", sl=True, tp=True)
    assert statuses(made) == ["OrderNotFound", "OrderNotFound"]
    assert len(keys(made)) == 2


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


# --- severity B to D -------------------------------------------------------------------------------------------------


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


def test_a_failed_fill_releases_its_exposure_and_its_account() -> None:  # W-16
    chain = MoodyChain(Operation.FILL)
    exchange = Exchange(chain=chain)
    exchange.open("A", LONG, limit=64_000)
    made = exchange.tick(63_000)
    assert kinds(made)[2:] == ["RiskEngineUpdate", "TxHashUpdate", "TraderOrder"]
    assert exchange.state.exposure.pending_long_sats == 0
    assert statuses(exchange.open("A")) == ["FILLED"]
    exchange.assert_recoverable()


def test_a_liquidated_account_may_trade_again() -> None:  # W-17
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.tick(59_000)
    exchange.tick(65_000)
    assert statuses(exchange.open("A")) == ["FILLED"]


def test_a_failed_deposit_leaves_the_account_free() -> None:  # W-18
    chain = MoodyChain(Operation.DEPOSIT)
    exchange = Exchange(chain=chain)
    assert statuses(exchange.lend("L", 1_000_000)) == ["RejectedFromChain"]
    chain.refuses.clear()
    assert statuses(exchange.lend("L", 1_000_000)) == ["FILLED"]


def test_a_refused_request_does_not_block_its_account() -> None:  # W-19
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(max_leverage=0.0))
    exchange.open("A", leverage=60)
    assert statuses(exchange.open("A")) == ["FILLED"]


def test_a_create_with_stop_loss_registers_it_at_once() -> None:  # W-22, R8
    exchange = Exchange()
    made = exchange.open_with_legs("A", sl=60_000, tp=70_000)
    assert statuses(made) == ["FILLED", "StopLossAdded", "TakeProfitAdded"]
    assert {record.request_id for record in answers(made)} == {f"REQID{1:064X}"}


def test_a_resting_create_registers_its_stop_loss_when_it_fills() -> None:  # W-22, R8
    exchange = Exchange()
    exchange.open_with_legs("A", limit=64_000, sl=60_000, tp=70_000)
    exchange.assert_recoverable()
    made = exchange.tick(64_000)
    assert statuses(made) == ["FILLED", "StopLossAdded", "TakeProfitAdded"]
    assert {record.request_id for record in answers(made)} == {f"REQID{1:064X}"}
    exchange.assert_recoverable()


def test_a_leg_that_holds_at_the_fill_closes_the_position_at_once() -> None:  # R8
    exchange = Exchange()
    exchange.open_with_legs("A", limit=64_000, sl=64_500)
    assert statuses(exchange.tick(64_000)) == ["FILLED", "SETTLED"]
    exchange.assert_recoverable()


def test_a_create_with_legs_but_without_settle_message_is_refused() -> None:  # W-22
    made = Exchange().open_with_legs("A", sl=60_000, settle=None)
    assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])


def test_a_leg_dropped_while_the_order_rests_is_not_set_at_the_fill() -> None:  # R8
    exchange = Exchange()
    exchange.open_with_legs("A", limit=64_000, sl=60_000, tp=70_000)
    dropped = exchange.cancel_legs("A", sl=True)
    assert aggregates(dropped)[0] == f"RemoveStopLossCloseLIMITPrice-{exchange.uuid('A')}"
    assert (statuses(dropped), answers(dropped)[0].old_price) == (["CancelledStopLoss"], 60_000)
    assert statuses(exchange.cancel_legs("A", sl=True)) == ["OrderNotFound"]
    exchange.assert_recoverable()
    assert statuses(exchange.tick(64_000)) == ["FILLED", "TakeProfitAdded"]


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


def test_a_payment_of_nothing_still_moves_the_liquidation_price_and_its_trigger() -> None:  # W-36
    exchange = Exchange()
    exchange.open("A", LONG)
    exchange.open("B", SHORT)
    made = exchange.fund()
    assert kinds(made) == ["TraderOrderFundingUpdate", "TraderOrderFundingUpdate", "FundingRateUpdate"]
    before = {name: exchange.order(name).liquidation_price for name in "AB"}
    exchange.admin(UpdateRiskParamsCall(mm_ratio=2.0))
    exchange.fund()
    after = {name: exchange.order(name).liquidation_price for name in "AB"}
    assert exchange.state.funding_rate_pct == 0
    assert after["A"] > before["A"]
    assert after["B"] < before["B"]
    sets = exchange.state.triggers
    assert sets.liquidate_long.score(exchange.uuid("A")) == score(after["A"])
    assert sets.liquidate_short.score(exchange.uuid("B")) == score(after["B"])
    exchange.assert_recoverable()


def test_every_odd_cancel_is_answered() -> None:  # W-40
    exchange = Exchange()
    exchange.open("A")
    unknown = "00000000-0000-4000-8000-0000000000ff"
    assert statuses(exchange.cancel("A", uuid=unknown)) == ["OrderNotFound"]
    assert statuses(exchange.cancel_legs("A", sl=True, order_type=OrderType.MARKET)) == ["OrderNotFound"]
    assert statuses(exchange.cancel_legs("A")) == ["OrderNotFound"]
    assert statuses(exchange.cancel_legs("A", order_type=OrderType.LIMIT)) == ["OrderNotFound"]
    assert statuses(exchange.close("A", order_type=OrderType.DARK)) == ["OrderNotFound"]
    assert statuses(exchange.close("A", order_type=OrderType.SLTP)) == ["CANCELLED"]


def test_what_the_engine_does_on_its_own_names_the_request_it_follows() -> None:  # W-41, R26
    exchange = Exchange()
    exchange.open("A", LONG, limit=64_000)  # request 1
    exchange.legs("A", sl=60_000)  # request 2: not yet filled
    assert answers(exchange.tick(64_000))[0].request_id == f"REQID{1:064X}"
    exchange.legs("A", sl=62_000, tp=70_000)  # request 3
    exchange.close("A", 71_000)  # request 4
    records = answers(exchange.tick(61_900))
    assert [(record.status.value, record.request_id[-1]) for record in records] == [
        ("CancelledLimitClose", "4"),
        ("CancelledTakeProfit", "3"),
        ("SETTLED", "3"),
    ]


def test_without_a_chain_results_carry_a_hash_all_the_same() -> None:  # W-42
    exchange = Exchange()
    hashes = [
        answers(made)[-1].tx_hash for made in (exchange.open("A"), exchange.lend("L", 10**6), exchange.close("A"))
    ]
    assert all(len(text) == 64 and text == text.upper() for text in hashes)
    assert len(set(hashes)) == 3


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


def test_an_hour_is_funded_at_most_once() -> None:  # W-48, R11
    exchange = Exchange()
    exchange.open("A", LONG)
    assert kinds(exchange.fund(500_000)) == ["TraderOrderFundingUpdate", "FundingRateUpdate"]
    assert exchange.fund(500_000) == []
    assert exchange.fund(499_999) == []


@pytest.mark.parametrize("price", [0.0, -1.0, 4.3e7, float("inf"), float("nan")])
def test_trigger_and_limit_prices_are_validated(price: float) -> None:  # W-51, R1
    exchange = Exchange()
    exchange.open("A")
    for made in (
        exchange.legs("A", sl=price),
        exchange.legs("A", tp=price),
        exchange.close("A", order_type=OrderType.LIMIT, limit=price),
        exchange.open("B", limit=1.0, entry_price=price),
    ):
        assert (statuses(made), aggregates(made)) == (["CANCELLED"], ["tx_wrong_parameter_error"])


def test_an_unknown_order_is_answered_in_the_reason_not_in_the_hash() -> None:  # W-52
    exchange = Exchange()
    for made in (exchange.close("A"), exchange.cancel("A"), exchange.withdraw("L")):
        (record,) = answers(made)
        assert record.tx_hash == ""
        assert record.reason


def test_a_repeated_request_changes_nothing_and_says_nothing() -> None:  # section 8, C7
    exchange = Exchange()
    exchange.open("A")
    exchange.request -= 1
    assert exchange.close("A") == []
    assert exchange.order("A").status is OrderStatus.FILLED


def test_a_command_at_or_below_the_queues_position_is_skipped() -> None:  # section 8, C5
    exchange = Exchange()
    request = OpenRequest("A", LONG, OrderType.MARKET, 10.0, 1e5, 1e5, OrderStatus.PENDING, 0.0, 0.0)
    command = CreateTraderOrder(request, {"Relayer": None}, "00", "REQIDA")
    made = exchange.command(command, QueuePosition("orders", "topic", 7))
    entered = only(TraderOrderEvent, made)
    assert entered.metadata == {"queue": "orders", "topic_id": "topic", "offset": "7", "request_id": "REQIDA"}
    assert entered.command.meta == {"Relayer": None, "offset": "7", "kafka_key": "key"}
    again = replace(command, request_id="REQIDB")
    assert exchange.command(again, QueuePosition("orders", "topic", 6)) == []
    assert statuses(exchange.command(again, QueuePosition("orders", "another topic", 6))) == ["DuplicateOrder"]
    assert exchange.state.queues == {"orders": ("another topic", 6)}
    exchange.assert_recoverable()


def test_exposure_events_show_the_totals_after_each_change() -> None:
    exchange = Exchange()
    exchange.open("A", LONG)
    made = exchange.close("A")
    assert only(RiskEngineUpdate, made).state.total_long_sats == 0
    assert isinstance(made[-1], TxHash)


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
