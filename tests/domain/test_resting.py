"""What rests until the price comes: limit opens, and the legs that came with them (R8, R16, R20)."""

from tests.domain.exchange import LONG, Exchange, aggregates, answers, kinds, statuses

from twilight.domain.model.inputs import UpdateRiskParamsCall
from twilight.domain.model.orders import OrderStatus
from twilight.domain.model.profile import REFERENCE


def test_the_best_buy_fills_first_and_what_finds_no_room_rests() -> None:  # R16, R20
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.01))  # room for 2 000 000
    exchange.open("low", LONG, 100_000, 10, limit=63_000)
    exchange.open("high", LONG, 100_000, 10, limit=64_000)
    exchange.open("low too", LONG, 100_000, 10, limit=63_000)
    made = exchange.tick(62_900)
    assert [record.account_id for record in answers(made)] == ["high", "low"]
    assert kinds(made)[1:3] == ["SortedSetDBUpdate", "RiskEngineUpdate"]
    assert aggregates(made)[1].startswith("RemoveOpenLimitPrice-")
    assert exchange.order("low too").status is OrderStatus.PENDING
    exchange.close("high")
    assert [record.account_id for record in answers(exchange.tick(62_900))] == ["low too"]
    exchange.assert_recoverable()


def test_when_all_fit_the_set_is_removed_in_bulk() -> None:  # R20
    exchange = Exchange()
    exchange.open("A", LONG, limit=64_000)
    exchange.open("B", LONG, limit=63_500)
    made = exchange.tick(63_000)
    assert aggregates(made)[1] == "BulkSearchRemoveOpenLimitPrice"
    assert [record.account_id for record in answers(made)] == ["A", "B"]


def test_far_resting_orders_block_nobody() -> None:  # R20
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.01))
    exchange.open("far", LONG, 200_000, 10, limit=1_000)
    assert statuses(exchange.open("A", LONG, 200_000, 10)) == ["FILLED"]


def test_the_reference_fills_without_looking_at_limits() -> None:  # R20, W-14
    exchange = Exchange(REFERENCE)
    exchange.open("low", LONG, limit=63_000)
    exchange.open("high", LONG, limit=64_000)
    exchange.admin(UpdateRiskParamsCall(max_oi_mult=0.0))
    assert [record.account_id for record in answers(exchange.tick(62_900))] == ["low", "high"]


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


def test_a_payload_is_kept_only_while_somebody_will_ask_for_it() -> None:  # 3 KB each, for as long as a position lives
    exchange = Exchange()
    exchange.open("A", LONG, limit=64_000)
    exchange.open("B", LONG)
    held = {account: exchange.state.known(exchange.uuid(account)) for account in "AB"}
    assert (held["A"].payload, held["B"].payload) == ("00", "")
    exchange.tick(63_900)
    assert held["A"].payload == ""
    exchange.close("A", limit=70_000)
    assert held["A"].payload == "c105e0"
    exchange.assert_recoverable()
