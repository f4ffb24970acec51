"""Client messages and their payloads against the recorded hex, and what becomes of memos."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from twilight.wire import bincode
from twilight.wire.client_messages import (
    FORMS,
    CancelTraderOrderMessage,
    CancelTraderOrderSlTpMessage,
    CreateTraderOrderMessage,
    CreateTraderOrderSlTpMessage,
    ExecuteTraderOrderMessage,
    ExecuteTraderOrderSlTpMessage,
    decode_form,
    decode_message,
    deposit_output_hex,
    encode_message,
    executed_output_hex,
    memo_of,
    request_id,
    rewrite_open,
    script_of,
    to_command,
)
from twilight.wire.commands import RpcCommand, decode_command
from twilight.wire.errors import Quarantine, Unencodable
from twilight.wire.events import TxHashEvent, decode_event
from twilight.wire.transactions import Transaction, TransactionData, ZkosCancelMsg, ZkosCreateOrder
from twilight.wire.types import (
    Meta,
    Output,
    ScalarWitness,
    SlTpOrder,
    SlTpOrderCancel,
    StateValue,
    ZkosSettleMsg,
)

PAYLOADS = {
    "CreateTraderOrder": Transaction,
    "CreateTraderOrderSlTp": Transaction,
    "CreateLendOrder": ZkosCreateOrder,
    "ExecuteTraderOrder": ZkosSettleMsg,
    "ExecuteTraderOrderSlTp": ZkosSettleMsg,
    "ExecuteLendOrder": ZkosSettleMsg,
    "CancelTraderOrder": ZkosCancelMsg,
    "CancelTraderOrderSlTp": ZkosCancelMsg,
}


@pytest.fixture
def examples(shared_dir: Path) -> Path:
    return shared_dir / "spec" / "examples"


def command(examples: Path, name: str) -> RpcCommand:
    return decode_command((examples / f"command.{name}.json").read_bytes())


def refused(examples: Path, method: str) -> str:
    return str(json.loads((examples / f"failed.{method}.json").read_bytes()))


@pytest.fixture
def opened(examples: Path) -> Transaction:
    found = command(examples, "CreateTraderOrder").value
    return bincode.decode_hex(Transaction, found.payload_hex)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PAYLOADS)
def test_the_payload_of_every_recorded_command_comes_back_as_the_same_hex(examples: Path, name: str) -> None:
    found: Any = command(examples, name).value
    assert found.payload_hex == bincode.encode_hex(bincode.decode_hex(PAYLOADS[name], found.payload_hex))


@pytest.mark.parametrize("method", FORMS)
def test_every_recorded_message_comes_back_as_the_same_hex(examples: Path, method: str) -> None:
    text = refused(examples, method)
    message = decode_form(method, text)
    assert isinstance(message, FORMS[method][-1])
    assert text == encode_message(message)


@pytest.mark.parametrize("method", ["ExecuteTraderOrder", "CancelTraderOrder", "CreateLendOrder", "ExecuteLendOrder"])
def test_a_message_becomes_the_command_that_the_reference_published(examples: Path, method: str) -> None:
    expected: Any = command(examples, method).value
    made: Any = to_command(decode_form(method, refused(examples, method)), expected.meta, expected.request_id).value
    # The failed message was recorded with the same proof; its payload may differ in what the client wished.
    assert (expected.payload_hex, expected.meta, expected.request_id) == (
        made.payload_hex,
        made.meta,
        made.request_id,
    )
    assert expected.order.account_id == made.order.account_id


def test_services_overwrite_available_margin_and_balance(examples: Path) -> None:
    message: Any = decode_form("CreateTraderOrder", refused(examples, "CreateTraderOrder"))
    wished = msgspec.structs.replace(message, order=msgspec.structs.replace(message.order, available_margin=7.0))
    assert to_command(wished, Meta({}), "r").value.order.available_margin == 100_000.0  # type: ignore[attr-defined]
    deposit: Any = decode_form("CreateLendOrder", refused(examples, "CreateLendOrder"))
    wished = msgspec.structs.replace(deposit, order=msgspec.structs.replace(deposit.order, balance=7.0))
    assert to_command(wished, Meta({}), "r").value.order.balance == deposit.order.deposit  # type: ignore[attr-defined]


def test_the_forms_with_triggers_are_told_from_the_plain_ones(examples: Path) -> None:
    close: Any = decode_form("ExecuteTraderOrder", refused(examples, "ExecuteTraderOrder"))
    cancel: Any = decode_form("CancelTraderOrder", refused(examples, "CancelTraderOrder"))
    create: Any = decode_form("CreateTraderOrder", refused(examples, "CreateTraderOrder"))
    assert [ExecuteTraderOrderMessage, CancelTraderOrderMessage, CreateTraderOrderMessage] == [
        type(message) for message in (close, cancel, create)
    ]
    for method, longer, kind in (
        (
            "ExecuteTraderOrder",
            ExecuteTraderOrderSlTpMessage(close.order, close.settle, SlTpOrder(None, 2.0)),
            "ExecuteTraderOrderSlTp",
        ),
        (
            "CancelTraderOrder",
            CancelTraderOrderSlTpMessage(cancel.order, cancel.cancel, SlTpOrderCancel(sl=True, tp=False)),
            "CancelTraderOrderSlTp",
        ),
        (
            "CreateTraderOrder",
            CreateTraderOrderSlTpMessage(create.order, create.transaction, SlTpOrder(1.0, None), close.settle),
            "CreateTraderOrderSlTp",
        ),
    ):
        assert longer == decode_form(method, encode_message(longer))
        assert kind == to_command(longer, Meta({}), "r").kind


@pytest.mark.parametrize(("method", "bytes_too_many"), [("ExecuteTraderOrder", "00"), ("CreateTraderOrder", "0000")])
def test_zeros_after_a_plain_message_are_no_triggers(examples: Path, method: str, bytes_too_many: str) -> None:
    with pytest.raises(Quarantine) as refusal:
        decode_form(method, refused(examples, method) + bytes_too_many)
    assert refusal.value.reason == "BAD_BINARY"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text + "07", "BAD_BINARY"),
        (lambda text: text[:-2], "BAD_BINARY"),
        (lambda text: text[:-1], "BAD_HEX"),
        (lambda text: " " + text[1:], "BAD_HEX"),
        (lambda text: "zz" + text, "BAD_HEX"),
        (lambda text: text + "00" * 131_072, "TOO_LARGE"),
        (lambda text: "ff" * 8 + text[16:], "BAD_BINARY"),
        (lambda _: "", "BAD_BINARY"),
    ],
)
def test_a_message_that_is_not_exactly_one_is_refused(examples: Path, change: Any, reason: str) -> None:
    for method in FORMS:
        with pytest.raises(Quarantine) as refusal:
            decode_form(method, change(refused(examples, method)))
        assert reason == refusal.value.reason


def test_upper_case_hex_is_the_same_message(examples: Path) -> None:
    text = refused(examples, "CancelTraderOrder")
    assert decode_form("CancelTraderOrder", text) == decode_form("CancelTraderOrder", text.upper())


@pytest.mark.parametrize("data", ["02", "0105", "01000000000000f87f"])
def test_options_and_flags_have_one_encoding_and_doubles_are_finite(data: str) -> None:
    with pytest.raises(Quarantine):
        decode_message(SlTpOrder, data.ljust(18, "0"))


def test_a_request_id_is_the_recorded_one(examples: Path) -> None:
    vector = json.loads((examples / "vector.request-id.json").read_bytes())
    made = request_id(vector["uuid"], vector["public_key"], int(vector["timestamp"]))
    assert vector["request_id"] == made
    example = request_id("00000000-0000-4000-8000-000000000001", "abc", 1_767_261_900_123_456)
    assert example == "REQIDA12222482C7469C8152DD60EF80666D8532B1413C187EDCABF07441AD6794ABC"


def test_the_memo_of_an_executed_open_is_the_recorded_output(examples: Path, opened: Transaction) -> None:
    event = decode_event((examples / "event.TxHash.json").read_bytes(), None)
    assert isinstance(event, TxHashEvent)
    assert event.output == executed_output_hex(opened, entry_price=65_000, position_size=65_000_000_000, fee=400)


def test_an_executed_open_has_price_size_and_fee_rewritten_and_nothing_else(opened: Transaction) -> None:
    executed = rewrite_open(opened, entry_price=7, position_size=2**64 - 1, fee=400)
    again = rewrite_open(executed, 65_000, 65_000_000_000, script_of(opened).fee)
    assert (400, opened) == (script_of(executed).fee, again)
    for numbers in ((-1, 1, 1), (1, 2**64, 1), (1, 1, 2**64)):
        with pytest.raises(Unencodable):
            rewrite_open(opened, *numbers)


def test_the_memo_of_an_executed_deposit_has_its_shares(examples: Path) -> None:
    create = bincode.decode_hex(ZkosCreateOrder, command(examples, "CreateLendOrder").value.payload_hex)  # type: ignore[attr-defined]
    output = bincode.decode_hex(Output, deposit_output_hex(create, 500))
    assert (500).to_bytes(32, "little") == bytes(memo_of(output).data[0].Scalar.Scalar)  # type: ignore[index, union-attr, arg-type]


def with_data(opened: Transaction, place: int, value: StateValue) -> Transaction:
    body = script_of(opened)
    memo = memo_of(body.outputs[0])
    data = [*memo.data]  # type: ignore[misc]
    data[place] = value
    output = msgspec.structs.replace(
        body.outputs[0],
        output=type(body.outputs[0].output)(Memo=msgspec.structs.replace(memo, data=tuple(data))),
    )
    changed = TransactionData(Script=msgspec.structs.replace(body, outputs=(output,)))
    return msgspec.structs.replace(opened, data=changed)


@pytest.mark.parametrize("bit", [64, 100, 127, 255])
def test_a_bit_in_the_high_half_of_a_position_value_is_refused(opened: Transaction, bit: int) -> None:
    scalar = tuple((65_000_000_000 ^ 1 << bit).to_bytes(32, "little"))
    damaged = with_data(opened, 0, StateValue(Scalar=ScalarWitness(Scalar=scalar)))
    assert damaged != opened
    with pytest.raises(Quarantine, match="64 bits"):
        script_of(damaged)


@pytest.mark.parametrize(
    "value",
    [StateValue(U64=1), StateValue(Scalar=ScalarWitness(Integer=-1)), StateValue(Scalar=ScalarWitness(Integer=2**64))],
)
def test_a_memo_without_a_plain_position_value_is_refused(opened: Transaction, value: StateValue) -> None:
    with pytest.raises(Quarantine):
        script_of(with_data(opened, 2, value))


def test_what_is_no_open_of_one_position_is_refused(opened: Transaction) -> None:
    body = script_of(opened)
    others = [
        msgspec.structs.replace(opened, tx_type=0),
        *(
            msgspec.structs.replace(opened, data=TransactionData(Script=msgspec.structs.replace(body, **change)))
            for change in ({"outputs": ()}, {"input_count": 2}, {"witnesses": (), "witness_count": 0})
        ),
    ]
    for other in others:
        with pytest.raises(Quarantine):
            script_of(other)
    coin = Output("Coin", body.outputs[0].output)
    with pytest.raises(Quarantine):
        memo_of(coin)


def test_an_unknown_enumeration_text_has_no_binary_form(examples: Path) -> None:
    message: Any = decode_form("CancelTraderOrder", refused(examples, "CancelTraderOrder"))
    order = msgspec.structs.replace(message.order, order_type="TELEPORT")
    with pytest.raises(Unencodable):
        encode_message(msgspec.structs.replace(message, order=order))
