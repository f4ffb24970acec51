from collections.abc import Callable

import msgspec
import pytest

from twilight.api.orders.submission import RefusedMessage, Undecodable, check, read
from twilight.sdk import messages
from twilight.sdk.messages import Open
from twilight.wire.client_messages import ClientMessage, encode_message, script_of
from twilight.wire.encodings import _members
from twilight.wire.identity import Identity
from twilight.wire.transactions import TransactionData
from twilight.wire.types import SlTpOrder

ALICE = Identity.from_seed(b"alice who opens positions")
BOB = Identity.from_seed(b"bob who would rather be alice")
UUID = "668a85e3-1cef-4396-af6b-3294b24a8030"
OPEN = messages.create_trader_order(ALICE, Open(side="LONG", margin_sats=1_000, leverage=10, price=65_000))
MEMO = script_of(OPEN.transaction).outputs[0]
DEPOSIT = messages.create_lend_order(ALICE, 5_000)
SETTLE = messages.execute_trader_order(ALICE, UUID, MEMO)
WITHDRAW = messages.execute_lend_order(ALICE, UUID, MEMO)
CANCEL = messages.cancel_trader_order(ALICE, UUID)
TRIGGERS = messages.set_triggers(ALICE, UUID, MEMO, stop_loss=60_000.0, take_profit=None)
DROP = messages.cancel_triggers(ALICE, UUID, stop_loss=True, take_profit=False)

METHODS = (
    ("CreateTraderOrder", OPEN),
    ("CreateLendOrder", DEPOSIT),
    ("ExecuteTraderOrder", SETTLE),
    ("ExecuteTraderOrder", TRIGGERS),
    ("ExecuteTraderOrderSlTp", TRIGGERS),
    ("ExecuteLendOrder", WITHDRAW),
    ("CancelTraderOrder", CANCEL),
    ("CancelTraderOrder", DROP),
    ("CancelTraderOrderSlTp", DROP),
)


def replaced(message: ClientMessage, **order: object) -> ClientMessage:
    """Return the message with members of its order changed after it was signed."""
    return msgspec.structs.replace(message, order=msgspec.structs.replace(message.order, **order))


@pytest.mark.parametrize(("method", "message"), METHODS)
def test_a_signed_message_is_read_and_accepted(method: str, message: ClientMessage) -> None:
    found = read(method, encode_message(message))
    check(found, "signature")
    assert found == message


def test_hex_may_be_upper_case() -> None:
    assert read("CancelTraderOrder", encode_message(CANCEL).upper()) == CANCEL


@pytest.mark.parametrize(
    ("method", "data", "text"),
    [
        ("CreateTraderOrder", "zz", "Invalid hex data"),
        ("CreateTraderOrder", "abc", "Invalid hex data"),
        ("CreateTraderOrder", "0" * 262_146, "Invalid hex data"),
        ("CreateTraderOrder", "", "Invalid bincode"),
        ("CreateTraderOrder", encode_message(OPEN)[:-2], "Invalid bincode"),
        ("CreateTraderOrder", encode_message(OPEN) + "00", "Invalid bincode"),
        ("CreateLendOrder", encode_message(OPEN), "Invalid bincode"),
        ("ExecuteTraderOrderSlTp", encode_message(SETTLE), "Invalid bincode"),
        ("CancelTraderOrderSlTp", encode_message(CANCEL), "Invalid bincode"),
    ],
)
def test_what_is_no_message_of_the_method_is_refused(method: str, data: str, text: str) -> None:
    with pytest.raises(Undecodable, match=text):
        read(method, data)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (replaced(OPEN, initial_margin=0.0), "Invalid initial margin:0, should be greater than 0"),
        (replaced(OPEN, initial_margin=-1.5), "Invalid initial margin:-1.5, should be greater than 0"),
        (replaced(OPEN, leverage=50.5), "Invalid leverage:50.5, should be less than or equal to 50"),
        (replaced(OPEN, leverage=-1.0), "Invalid order params"),
        (replaced(OPEN, entryprice=-1.0), "Invalid order params"),
        (replaced(DEPOSIT, deposit=0.0), "Invalid deposit amount"),
        (replaced(DEPOSIT, deposit=-3.0), "Invalid deposit amount"),
        (replaced(SETTLE, execution_price=-1.0), "Invalid order params"),
        (msgspec.structs.replace(TRIGGERS, sltp=SlTpOrder(sl=-5.0, tp=None)), "Invalid order params"),
    ],
)
def test_numbers_out_of_bounds_are_refused_with_their_value(message: ClientMessage, text: str) -> None:
    with pytest.raises(RefusedMessage) as refused:
        check(message, "signature")
    assert refused.value.message == text


def test_a_point_that_is_none_is_refused_before_any_reader_of_the_log_meets_it() -> None:
    _, encoding = next(_members(type(OPEN), OPEN))
    spoilt = encode_message(OPEN).replace(bytes(encoding).hex(), "ff" * 32)
    with pytest.raises(RefusedMessage, match="Invalid order params") as refused:
        check(read("CreateTraderOrder", spoilt), "none")
    assert "expected a canonical" in refused.value.data["detail"]


@pytest.mark.parametrize(
    "message",
    [
        replaced(OPEN, account_id=BOB.address),
        replaced(DEPOSIT, account_id=BOB.address),
        replaced(SETTLE, account_id=BOB.address),
        replaced(WITHDRAW, account_id=BOB.address),
        replaced(TRIGGERS, account_id=BOB.address),
        replaced(CANCEL, account_id=BOB.address),
        replaced(DROP, account_id=BOB.address),
        replaced(OPEN, account_id="account_id"),
        replaced(CANCEL, uuid="00000000-0000-4000-8000-000000000000"),
        replaced(CANCEL, order_status="FILLED"),
        msgspec.structs.replace(SETTLE, settle=BOB.sign_settle(MEMO)),
        msgspec.structs.replace(CANCEL, cancel=BOB.sign_cancel(CANCEL.order)),
        msgspec.structs.replace(SETTLE, settle=msgspec.structs.replace(SETTLE.settle, signature=(0,) * 64)),
    ],
)
def test_a_message_that_its_account_did_not_sign_is_refused(message: ClientMessage) -> None:
    with pytest.raises(RefusedMessage) as refused:
        check(message, "signature")
    assert (refused.value.message, refused.value.data["reason"]) == ("Invalid order params", "INVALID_ORDER_PARAMS")


def test_a_coin_of_another_cannot_be_spent() -> None:
    theirs = messages.create_trader_order(BOB, Open(side="LONG", margin_sats=1_000, leverage=10, price=65_000))
    stolen = replaced(theirs, account_id=ALICE.address)
    with pytest.raises(RefusedMessage):
        check(stolen, "signature")


def test_the_signature_covers_the_coin() -> None:
    body = script_of(OPEN.transaction)
    other = script_of(
        messages.create_trader_order(ALICE, Open(side="LONG", margin_sats=1, leverage=1, price=1)).transaction
    )
    swapped = msgspec.structs.replace(body, inputs=other.inputs)
    transaction = msgspec.structs.replace(OPEN.transaction, data=TransactionData(Script=swapped))
    with pytest.raises(RefusedMessage):
        check(msgspec.structs.replace(OPEN, transaction=transaction), "signature")


@pytest.mark.parametrize("change", [lambda: replaced(OPEN, account_id="anyone"), lambda: replaced(CANCEL, uuid=UUID)])
def test_proofs_can_be_left_to_the_core(change: Callable[[], ClientMessage]) -> None:
    check(change(), "none")


def test_bounds_hold_without_proofs_too() -> None:
    with pytest.raises(RefusedMessage):
        check(replaced(OPEN, initial_margin=0.0), "none")
