"""Sections 3, 4, 5 and 11 of the engine specification: which events follow which input, in order, with their keys."""

from dataclasses import replace

import pytest
from tests.domain.exchange import (
    LONG,
    SHORT,
    START_NS,
    Exchange,
    aggregates,
    answers,
    kinds,
    numbered_uuids,
    only,
    reason,
    statuses,
)

from twilight.domain.books.invariants import violations
from twilight.domain.engine import new_engine
from twilight.domain.model.chain import Disabled, LenientPayloads, PayloadError
from twilight.domain.model.commands import CloseRequest, ExecuteTraderOrder, SettleOnLimit
from twilight.domain.model.errors import Corrupt, NotSupported
from twilight.domain.model.events import PoolUpdate, RiskEngineUpdate, TraderOrderEvent, TxHash
from twilight.domain.model.inputs import (
    Conditions,
    FeedStatus,
    Genesis,
    NotACommand,
    QueuePosition,
    RecalculateRiskStateCall,
    SetMarketCloseOnlyCall,
    SetMarketHaltCall,
    TriggerPriceCheckCall,
    UpdateRiskParamsCall,
)
from twilight.domain.model.orders import NIL_UUID, OrderStatus, OrderType
from twilight.domain.model.pool import RiskParams
from twilight.domain.model.profile import TEST
from twilight.domain.trading.risk import Headroom, headroom, risk_stats


def short_keys(exchange: Exchange, account: str, made: list) -> list[str]:  # type: ignore[type-arg]  # of events
    """Return the aggregate ids with the order's uuid and any hash cut away."""
    uuid = exchange.uuid(account)
    return [
        "tx_hash_result" if name.startswith('tx_hash_result-"') and len(name) > 70 else name.replace(uuid, "*")
        for name in aggregates(made)
    ]


def test_a_market_open() -> None:
    exchange = Exchange()
    made = exchange.open("A")
    assert short_keys(exchange, "A", made) == ["AddRiskExposure", "AddPositionSize", "add_order-*", "tx_hash_result"]


def test_a_resting_open() -> None:
    exchange = Exchange()
    made = exchange.open("A", LONG, limit=64_000)
    request = f"REQID{1:064X}"
    expected = ["AddPendingRiskExposure", "add_order-*", f'tx_limit_submit-"{request}"']
    assert short_keys(exchange, "A", made) == expected
    assert (answers(made)[0].new_price, answers(made)[0].order_type) == (64_000, OrderType.LIMIT)


@pytest.mark.parametrize(("side", "limit"), [(LONG, 65_000), (LONG, 66_000), (SHORT, 65_000), (SHORT, 64_000)])
def test_a_limit_that_is_through_the_market_fills_as_a_market_order(side: str, limit: float) -> None:
    exchange = Exchange()
    exchange.open("A", side, limit=limit)  # type: ignore[arg-type]  # a side
    order = exchange.order("A")
    assert (order.order_type, order.entry_price, order.fee_filled_sats) == (OrderType.MARKET, 65_000, 400)


def test_a_fill() -> None:
    exchange = Exchange()
    exchange.open("A", LONG, limit=64_000)
    made = exchange.tick(63_900)
    assert short_keys(exchange, "A", made) == [
        "insert_CurrentPrice",
        "BulkSearchRemoveOpenLimitPrice",
        "RemovePendingRiskExposure",
        "AddRiskExposure",
        "AddPositionSize",
        "update_order-*",
        "tx_hash_result",
    ]
    assert exchange.order("A").entry_price == 63_900


def test_a_settlement_with_three_triggers() -> None:
    exchange = Exchange()
    exchange.open("A")
    exchange.legs("A", 60_000, 70_000)
    exchange.close("A", 71_000)
    uuid = exchange.uuid("A")
    made = exchange.close("A")
    assert [name.replace(uuid, "*") for name in aggregates(made)[:-1]] == [
        "RemovePositionSize",
        "RemoveRiskExposure",
        "RemoveCloseLimitPrice-*",
        "CancelledLimitClose-*",
        "RemoveStopLossCloseLIMITPrice-*",
        "CancelledStopLoss-*",
        "RemoveTakeProfitCloseLIMITPrice-*",
        "CancelledTakeProfit-*",
        "AddTraderOrderSettlement",
        "remove_order-*",
        "RpcCommandPoolupdate-nonce-2",
    ]
    assert {record.request_id for record in answers(made)} == {f"REQID{4:064X}"}
    assert {record.order_type.value for record in answers(made)} == {"MARKET"}


def test_the_two_pool_events_of_a_settlement_show_the_pool_before_and_after() -> None:
    exchange = Exchange()
    exchange.open("A")
    first, second = (event for event in exchange.close("A") if isinstance(event, PoolUpdate))
    assert (first.pool.nonce, first.pool.total_locked_value_sats, first.pool.pending_orders.len) == (1, 200_000_000, 1)
    assert (second.pool.nonce, second.pool.total_locked_value_sats, second.pool.pending_orders.len) == (
        2,
        200_000_800,
        0,
    )
    assert (first.seq, second.seq) == (2, 3)


def test_triggers_set_replaced_and_cancelled() -> None:
    exchange = Exchange()
    exchange.open("A")
    assert short_keys(exchange, "A", exchange.legs("A", 60_000.5, 72_000.25)) == [
        "AddCloseLimitPrice-*",
        "AddStopLossCloseLIMITPrice-*",
        "AddCloseLimitPrice-*",
        "AddTakeProfitCloseLIMITPrice-*",
        "settle_limit_order-*",
    ]
    made = exchange.legs("A", 60_500.123456, 71_000.987654)
    assert short_keys(exchange, "A", made) == [
        "UpdateCloseLimitPrice-*",
        "StopLossUpdated-*",
        "UpdateCloseLimitPrice-*",
        "TakeProfitUpdated-*",
        "settle_limit_order-*",
    ]
    assert [(record.old_price, record.new_price) for record in answers(made)] == [
        (60_000.5, 60_500.123456),
        (72_000.25, 71_000.987654),
    ]
    made = exchange.cancel_legs("A", sl=True, tp=True)
    assert short_keys(exchange, "A", made) == [
        "RemoveStopLossCloseLIMITPrice-*",
        "RemoveTakeProfitCloseLIMITPrice-*",
        'tx_hash_result-"Stoploss order successfully cancelled !!"',
        'tx_hash_result-"Takeprofit order successfully cancelled !!"',
    ]
    assert [record.old_price for record in answers(made)] == [60_500.1234, 71_000.9876]


def test_close_limits_set_replaced_and_cancelled() -> None:
    exchange = Exchange()
    exchange.open("A")
    made = exchange.close("A", 70_000)
    assert short_keys(exchange, "A", made) == ["AddCloseLimitPrice-*", "AddCloseLimitPrice-*", "settle_limit_order-*"]
    made = exchange.close("A", 70_500.55555)
    assert short_keys(exchange, "A", made)[:2] == ["UpdateCloseLimitPrice-*", "LimitPriceUpdated-*"]
    (record,) = answers(exchange.cancel("A"))
    assert (record.status, record.old_price) == (OrderStatus.CANCELLED_LIMIT_CLOSE, None)
    assert aggregates(exchange.cancel("A")) == ["close_limit_order_not_found"]


def test_a_stop_loss_that_fires() -> None:
    exchange = Exchange()
    exchange.open("A")
    exchange.legs("A", sl=64_000)
    made = exchange.tick(63_999)
    assert aggregates(made)[1:5] == [
        "BulkSearchRemoveSLTPCloseLIMITPrice",
        "RemovePositionSize",
        "RemoveRiskExposure",
        "AddTraderLimitOrderSettlement",
    ]
    assert answers(made)[-1].order_type is OrderType.STOP_LOSS
    command = only(TraderOrderEvent, made).command
    assert isinstance(command, SettleOnLimit)
    assert command.price == 63_999


def test_a_cancelled_open() -> None:
    exchange = Exchange()
    exchange.open("A", LONG, limit=64_000)
    uuid = exchange.uuid("A")
    made = exchange.cancel("A")
    assert [name.replace(uuid, "*") for name in aggregates(made)] == [
        "RemovePendingRiskExposure",
        "RemoveOpenLimitPrice-*",
        "remove_order-*",
        'tx_hash_result-"Order successfully cancelled !!"',
    ]
    assert reason(made) == "User requested cancellation"


def test_a_resting_order_is_cancelled_by_the_other_form_too() -> None:
    exchange = Exchange()
    exchange.open("A", LONG, limit=64_000)
    assert statuses(exchange.cancel_legs("A", sl=True, order_type=OrderType.LIMIT)) == ["CANCELLED"]


def test_a_liquidation() -> None:
    exchange = Exchange()
    exchange.open("A", LONG)
    uuid = exchange.uuid("A")
    made = exchange.tick(59_330)
    assert [name.replace(uuid, "*") for name in aggregates(made)[:-1]] == [
        "insert_CurrentPrice",
        "BulkSearchRemoveLiquidationPrice",
        "RemovePositionSize",
        "RemoveRiskExposure",
        "AddTraderOrderLiquidation-*",
        "remove_order-*",
        "RpcCommandPoolupdate-nonce-2",
    ]
    assert exchange.state.pool.total_locked_value_sats == 200_100_000


def test_a_deposit_and_its_withdrawal() -> None:
    exchange = Exchange()
    made = exchange.lend("L", 1_000_000)
    uuid = exchange.state.lender_accounts["L"]
    assert aggregates(made)[:2] == ["LendOrderCreateOrder", f"add_order-{uuid}"]
    assert exchange.deposit("L").order.entry_sequence == 2
    assert statuses(exchange.lend("L", 1_000_000)) == ["DuplicateOrder"]
    made = exchange.withdraw("L")
    assert aggregates(made)[:2] == ["LendOrderSettleOrder", f"remove_order-{uuid}"]
    assert statuses(exchange.lend("L", 1_000_000)) == ["FILLED"]


def test_the_genesis_deposit_can_never_be_withdrawn() -> None:
    exchange = Exchange()
    owner = "0c" + "00" * 68
    made = exchange.withdraw(owner, "00000000-0000-4000-8000-00000000beef")
    assert statuses(made) == ["OrderNotFound"]


def test_the_exchange_is_founded_at_whatever_nonce_the_chain_has() -> None:
    engine = new_engine(numbered_uuids())
    made = engine.apply(
        Genesis("00000000-0000-4000-8000-00000000beef", nonce=7), Conditions(START_NS, FeedStatus.STARTING)
    )
    assert engine.state.pool.nonce == 7
    assert only(PoolUpdate, made).seq == engine.state.pool.log_sequence == 1
    assert list(engine.state.deposits) == ["00000000-0000-4000-8000-00000000beef"]
    assert violations(engine.state) == []


def test_the_exchange_is_founded_once() -> None:
    exchange = Exchange(price=None)
    assert kinds(exchange.events) == [
        "FeeUpdate",
        "RiskParamsUpdate",
        "Stop",
        "LendOrder",
        "PoolUpdate",
        "FundingRateUpdate",
    ]
    with pytest.raises(Corrupt):
        exchange.give(Genesis("00000000-0000-4000-8000-00000000beef"))


def test_a_halt_that_cancels_everything() -> None:
    exchange = Exchange()
    exchange.open("A", LONG, limit=64_000)
    exchange.open("B")
    exchange.legs("B", 60_000, 70_000)
    exchange.close("B", 71_000)
    uuid = exchange.uuid("B")
    call = SetMarketHaltCall(True, cancel_pending_limit_orders=True, cancel_settling_limit_orders=True)
    made = exchange.admin(call)
    assert [name.replace(uuid, "*") for name in aggregates(made)][5:] == [
        "HaltRemoveCloseLimitPrice-*",
        "CancelledLimitClose-*",
        "HaltRemoveSLCloseLIMITPrice-*",
        "CancelledStopLoss-*",
        "HaltRemoveTPCloseLIMITPrice-*",
        "CancelledTakeProfit-*",
    ]
    assert {record.reason for record in answers(made)} == {"Admin halt cancellation"}
    assert {record.request_id for record in answers(made)} == {""}
    exchange.assert_recoverable()


def test_leaving_forces_both_pauses() -> None:  # F8
    made = Exchange().admin(SetMarketHaltCall(True, exit_relayer=True))
    assert aggregates(made) == ["SetManualHalt", "SetPauseFunding", "SetPausePriceFeed"]


def test_close_only_refuses_opens_alone() -> None:
    exchange = Exchange()
    exchange.open("A")
    exchange.admin(SetMarketCloseOnlyCall(True))
    assert reason(exchange.open("B")).startswith("CLOSE_ONLY:MANUAL_CLOSE_ONLY")
    assert statuses(exchange.close("A")) == ["SETTLED"]


def test_recalculating_shows_the_totals_that_the_orders_give() -> None:
    exchange = Exchange()
    exchange.open("A")
    assert aggregates(exchange.admin(RecalculateRiskStateCall())) == ["RecalculateRiskExposure"]


def test_recalculating_mends_sums_that_have_drifted() -> None:
    exchange = Exchange(checked=False)
    exchange.open("A")
    exchange.open("B", SHORT)
    exchange.open("C", limit=64_000)
    right = replace(exchange.state.exposure)
    exchange.state.exposure.long_sats += 7
    exchange.state.exposure.pending_long_sats += 5
    made = only(RiskEngineUpdate, exchange.admin(RecalculateRiskStateCall()))
    assert (made.state.total_long_sats, made.state.total_pending_long_sats) == (
        right.long_sats,
        right.pending_long_sats,
    )
    assert exchange.state.exposure == right


def test_a_price_check_exists_in_profile_test_only() -> None:  # R13
    with pytest.raises(NotSupported):
        Exchange().admin(TriggerPriceCheckCall(59_000, check_liquidation=True))
    exchange = Exchange(TEST)
    exchange.open("A")
    exchange.open("B", LONG, limit=64_000)
    made = exchange.admin(TriggerPriceCheckCall(59_000, True, True, True))
    assert statuses(made) == ["LIQUIDATE", "FILLED"]
    assert exchange.state.price == 65_000
    exchange.assert_recoverable()


def test_what_is_no_command_is_answered_and_blocks_nothing() -> None:  # C6
    exchange = Exchange()
    made = exchange.command(NotACommand("not JSON", "REQIDX"), QueuePosition("orders", "t", 5))
    (record,) = answers(made)
    assert (record.status, record.order_id, record.request_id) == (
        OrderStatus.SERIALIZATION_ERROR,
        NIL_UUID,
        "REQIDX",
    )
    assert record.reason == "not JSON (queue orders, offset 5)"
    assert exchange.state.queues == {"orders": ("t", 5)}
    assert "REQIDX" not in exchange.state.request_ids
    exchange.open("A")
    marker = SettleOnLimit(exchange.order("A"), {}, 65_000.0)
    assert statuses(exchange.command(marker)) == ["SerializationError"]


class Undecodable(LenientPayloads):
    def open_memo(self, payload: str, entry_price: int, position_size: int, fee_sats: int) -> str | None:
        raise PayloadError(f"no transaction in {payload!r} at {entry_price} {position_size} {fee_sats}")

    def settle_owner(self, payload: str) -> str | None:
        raise PayloadError(f"no settle message in {payload!r}")


def test_a_payload_that_does_not_decode_is_refused_whatever_it_asks_for() -> None:  # C13
    exchange = Exchange(chain=Disabled(Undecodable()))
    for made in (exchange.open("A"), exchange.open("A", LONG, limit=64_000)):
        assert (statuses(made), aggregates(made)) == (["SerializationError"], ["tx_hash_error"])
    lenient = Exchange()
    lenient.open("A")
    lenient.engine.context = exchange.engine.context
    assert statuses(lenient.close("A")) == ["SerializationError"]


def test_the_placeholder_account_becomes_the_orders_uuid() -> None:
    exchange = Exchange()
    exchange.open("account_id")
    (uuid,) = exchange.state.positions
    assert exchange.state.positions[uuid].order.account_id == uuid


LIMITS = [
    # long, short, x_oi, x_long, x_short, max_long, max_short
    (0, 0, 800_000_000, 160_000_000, 160_000_000, 4_000_000, 4_000_000),
    (180_000_000, 22_000_000, 598_000_000, 2_000_000, 318_000_000, 2_000_000, 4_000_000),
    (520_000_000, 279_000_000, 1_000_000, 0, 401_000_000, 0, 1_000_000),
    (500_000_000, 360_000_000, 0, 20_000_000, 300_000_000, 0, 0),
]


@pytest.mark.parametrize(("long", "short", "oi", "x_long", "x_short", "max_long", "max_short"), LIMITS)
def test_headroom_is_that_of_the_specification(  # a table's columns
    long: int, short: int, oi: int, x_long: int, x_short: int, max_long: int, max_short: int
) -> None:
    exchange = Exchange(checked=False)
    exchange.state.exposure.long_sats, exchange.state.exposure.short_sats = long, short
    assert headroom(exchange.state) == Headroom(oi, x_long, x_short, 4_000_000)
    stats = risk_stats(exchange.state)
    assert (stats.max_long_sats, stats.max_short_sats) == (max_long, max_short)


REFUSALS = [
    ({"max_leverage": 5.0}, "LEVERAGE_TOO_HIGH"),
    ({"min_position_btc": 1_000_001.0}, "BELOW_MIN_SIZE"),
    ({"max_position_pct": 0.004}, "SIZE_TOO_LARGE"),
    ({"max_oi_mult": 0.004}, "OI_LIMIT_REACHED"),
    ({"max_net_mult": 0.004}, "SKEW_LIMIT_REACHED"),
]


@pytest.mark.parametrize(("params", "code"), REFUSALS)
def test_each_limit_refuses_with_its_code_and_equality_is_allowed(params: dict[str, float], code: str) -> None:
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(**params))
    made = exchange.open("A", LONG, 100_000, 10)
    assert (statuses(made), reason(made).split()[0]) == (["RejectedByRiskEngine"], code)
    exchange.admin(UpdateRiskParamsCall(4.0, 0.8, 0.005, 1_000_000.0, 10.0))
    assert exchange.state.params == RiskParams(4.0, 0.8, 0.005, 1_000_000.0, 10.0, 0.4)
    assert statuses(exchange.open("A", LONG, 100_000, 10)) == ["FILLED"]


def test_answers_of_refused_requests_name_whom_they_concern() -> None:
    exchange = Exchange()
    request = CloseRequest("nobody", "u", OrderType.MARKET, 0.0, OrderStatus.FILLED, 0.0)
    made = exchange.command(ExecuteTraderOrder(request, {}, "", "REQIDX"))
    (record,) = answers(made)
    assert (record.order_id, record.account_id, record.order_type) == ("u", "nobody", OrderType.MARKET)
    assert isinstance(made[0], TxHash)
