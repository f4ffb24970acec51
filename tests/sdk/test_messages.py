"""What the client signs is what the exchange's own checks accept."""

import msgspec
import pytest
from tests.sdk.exchange import row

from twilight.api.orders import submission
from twilight.sdk import Open, UnreadableAnswer, calls, memo_from, messages
from twilight.sdk.results import TxHash
from twilight.wire import identity
from twilight.wire.client_messages import (
    ClientMessage,
    decode_message,
    encode_message,
    executed_output_hex,
    memo_of,
    script_of,
)
from twilight.wire.identity import TEST_NETWORK, Identity
from twilight.wire.types import Output

ALICE = Identity.from_seed(b"a seed for tests only")
BOB = Identity.from_seed(b"another seed for tests")
ORDER = "668a85e3-1cef-4396-af6b-3294b24a8030"
MARKET = Open(side="LONG", margin_sats=100_000, leverage=10, price=65_000.4)
LIMIT = Open(side="SHORT", margin_sats=50_000, leverage=5, price=66_000, order_type="LIMIT")


def memo() -> Output:
    message = messages.create_trader_order(ALICE, MARKET)
    return script_of(message.transaction).outputs[0]


MESSAGES: dict[str, ClientMessage] = {
    "market open": messages.create_trader_order(ALICE, MARKET),
    "limit open": messages.create_trader_order(ALICE, LIMIT),
    "close": messages.execute_trader_order(ALICE, ORDER, memo()),
    "close limit": messages.execute_trader_order(ALICE, ORDER, memo(), limit_price=70_000),
    "triggers": messages.set_triggers(ALICE, ORDER, memo(), stop_loss=60_000, take_profit=None),
    "cancel": messages.cancel_trader_order(ALICE, ORDER),
    "cancel triggers": messages.cancel_triggers(ALICE, ORDER, stop_loss=True, take_profit=False),
    "deposit": messages.create_lend_order(ALICE, 5_000_000),
    "withdrawal": messages.execute_lend_order(ALICE, ORDER, memo()),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_survives_the_wire(message: ClientMessage) -> None:
    assert decode_message(type(message), encode_message(message)) == message


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_the_api_reads_and_accepts_every_message(message: ClientMessage) -> None:
    method = calls.submit(message).method
    read = submission.read(method, encode_message(message))
    submission.check(read, "signature")
    assert read == message


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_names_another_account_is_refused(message: ClientMessage) -> None:
    stolen = msgspec.structs.replace(message, order=msgspec.structs.replace(message.order, account_id=BOB.address))
    with pytest.raises(submission.RefusedMessage):
        submission.check(stolen, "signature")


def test_a_market_order_has_no_limit_and_a_limit_order_has_it_twice() -> None:
    market, limit = (messages.create_trader_order(ALICE, wanted).order for wanted in (MARKET, LIMIT))
    assert (market.entryprice, market.execution_price) == (0.0, 0.0)
    assert (limit.entryprice, limit.execution_price) == (66_000.0, 66_000.0)


def test_the_memo_holds_size_and_price_and_can_be_rewritten_as_executed() -> None:
    message = messages.create_trader_order(ALICE, MARKET)
    data = memo_of(script_of(message.transaction).outputs[0]).data
    assert data is not None
    numbers = [int.from_bytes(bytes(data[place].Scalar.Scalar), "little") for place in (0, 2)]  # type: ignore[union-attr]
    assert numbers == [100_000 * 10 * 65_000, 65_000]
    executed = executed_output_hex(message.transaction, 65_001, 65_001_000_000, 7)
    found = memo_from(msgspec.convert(row("FILLED", output=executed), TxHash))
    assert found is not None
    submission.check(messages.execute_trader_order(ALICE, ORDER, found), "signature")


def test_no_two_messages_share_a_coin() -> None:
    first, second = (messages.create_lend_order(ALICE, 5_000) for _ in range(2))
    assert first.create.input != second.create.input


def test_an_answer_without_a_memo_has_none_and_a_broken_one_is_named() -> None:
    assert memo_from(msgspec.convert(row("PENDING"), TxHash)) is None
    with pytest.raises(UnreadableAnswer, match=ORDER):
        memo_from(msgspec.convert(row("FILLED", output="0100"), TxHash))


def test_a_query_proves_the_account() -> None:
    envelope = messages.query(ALICE, "FILLED")
    assert identity.verify_query(envelope).address == ALICE.address


def test_accounts_of_the_test_network_say_so_in_the_transaction() -> None:
    tester = Identity.from_seed(b"a seed for tests only", TEST_NETWORK)
    assert script_of(messages.create_trader_order(tester, MARKET).transaction).network == 1
    assert script_of(messages.create_trader_order(ALICE, MARKET).transaction).network == 0
