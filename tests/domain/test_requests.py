"""Whose request counts, that each is answered once, and under which key (engine 8, C5, C7, W-03, W-23, W-40)."""

from dataclasses import replace

from tests.domain.exchange import LONG, Exchange, aggregates, answers, keys, only, reason, statuses

from twilight.domain.model.chain import Disabled, LenientPayloads
from twilight.domain.model.commands import CloseRequest, CreateTraderOrder, ExecuteTraderOrder, OpenRequest
from twilight.domain.model.events import SortedSetDBUpdate, TraderOrderEvent
from twilight.domain.model.inputs import QueuePosition, UpdateRiskParamsCall
from twilight.domain.model.numbers import score
from twilight.domain.model.orders import OrderStatus, OrderType


class NamedMemos(LenientPayloads):
    """A codec whose settle messages are the account's name in hex; `00` decodes to nothing."""

    def settle_owner(self, payload: str) -> str | None:
        return bytes.fromhex(payload).decode() if payload != "00" else None


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


def test_a_refused_request_does_not_block_its_account() -> None:  # W-19
    exchange = Exchange()
    exchange.admin(UpdateRiskParamsCall(max_leverage=0.0))
    exchange.open("A", leverage=60)
    assert statuses(exchange.open("A")) == ["FILLED"]


def test_a_repeated_request_changes_nothing_and_says_nothing() -> None:  # section 8, C7
    exchange = Exchange()
    exchange.open("A")
    exchange.request -= 1
    assert exchange.close("A") == []
    assert exchange.order("A").status is OrderStatus.FILLED


def test_the_last_hundred_thousand_requests_are_remembered_and_none_before_them() -> None:  # C7
    exchange = Exchange()
    exchange.cancel("A", uuid="unknown")
    exchange.state.request_ids.update(dict.fromkeys(f"REQID-{number}" for number in range(99_998)))
    exchange.cancel("A", uuid="unknown")  # the hundred thousandth
    exchange.request = 0
    assert exchange.cancel("A", uuid="unknown") == []
    exchange.request = 2
    exchange.cancel("A", uuid="unknown")  # one more
    exchange.request = 0
    assert statuses(exchange.cancel("A", uuid="unknown")) == ["OrderNotFound"]


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


def test_an_unknown_order_is_answered_in_the_reason_not_in_the_hash() -> None:  # W-52
    exchange = Exchange()
    for made in (exchange.close("A"), exchange.cancel("A"), exchange.withdraw("L")):
        (record,) = answers(made)
        assert record.tx_hash == ""
        assert record.reason


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
