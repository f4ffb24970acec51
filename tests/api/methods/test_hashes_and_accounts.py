import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from books import Books

from twilight.api.errors import RpcError
from twilight.api.methods.accounts import unrealised_profit
from twilight.wire.client_messages import encode_message
from twilight.wire.identity import Identity

pytestmark = pytest.mark.servers

OWNER = Identity.from_seed(b"the owner of some orders")
STRANGER = Identity.from_seed(b"somebody else altogether")
ORDER_ID = "668a85e3-1cef-4396-af6b-3294b24a8030"
# The envelope of API specification 4.4.
VECTOR_ACCOUNT = (
    "0c18e23928e0bc9b41f968b58577b52d04bfafd0da055d15b82316022ca19f203f"
    "68288564ab204f9e1ba0431dc16e86a2a9d8798af13cc7c42a9cca55d3fa410b42678f36"
)
VECTOR = (
    "8a00000000000000"
    + VECTOR_ACCOUNT.encode().hex()
    + "040000008a00000000000000"
    + VECTOR_ACCOUNT.encode().hex()
    + "4000000000000000"
    + "eeed56eee0179b6463a6556cac467b4c3186fc7bc9f6b734d2e24303910be73c"
    + "04a801e33d02014bbafecb8a4ebe34e704336bd8c14a4e7f29e0adac2dd2fe03"
)


def envelope(identity: Identity = OWNER, status: str = "PENDING") -> bytes:
    return data(encode_message(identity.sign_query(status)))


def data(text: str) -> bytes:
    return json.dumps({"data": text}).encode()


def record(books: Books, offset: int, status: str, **changes: Any) -> None:
    row = {
        "kind": "TxHash",
        "order_id": ORDER_ID,
        "account_id": "0c14",
        "tx_hash": "",
        "order_type": "SLTP",
        "order_status": status,
        "datetime": "2026-03-11T10:46:08.929504024+00:00",
        "output": None,
        "request_id": "REQID1",
        "reason": "Add Stop loss price",
        "new_price": "62697.6",
    }
    books.event("transaction_hash", offset, **{**row, **changes})


def found(books: Books, query: dict[str, Any]) -> list[int]:
    return [row["id"] for row in books.call("transaction_hashes", json.dumps(query).encode())]


def test_a_record_of_a_request_is_shown_whole(books: Books) -> None:
    record(books, 289, "StopLossAdded")
    (row,) = books.call("transaction_hashes", b'{"RequestId":{"id":"REQID1"}}')
    assert row == {
        "id": 289,
        "order_id": ORDER_ID,
        "account_id": "0c14",
        "tx_hash": "",
        "order_type": "SLTP",
        "order_status": "StopLossAdded",
        "datetime": "2026-03-11T10:46:08.929504024+00:00",
        "output": None,
        "request_id": "REQID1",
        "reason": "Add Stop loss price",
        "old_price": None,
        "new_price": 62697.6,
    }


def test_records_are_found_by_order_account_and_request_ascending(books: Books) -> None:
    record(books, 5, "PENDING")
    record(books, 9, "FILLED", request_id="", request_id_filled="REQID1")
    record(books, 7, "PENDING", order_id="another", account_id="0c99", request_id="REQID2")
    assert found(books, {"TxId": {"id": ORDER_ID.upper()}}) == [5, 9]
    assert found(books, {"TxId": {"id": ORDER_ID, "status": "FILLED"}}) == [9]
    assert found(books, {"TxId": {"id": ORDER_ID, "limit": 1, "offset": 1}}) == [9]
    assert found(books, {"AccountId": {"id": "0c14", "limit": 0}}) == [5]
    assert found(books, {"RequestId": {"id": "REQID1"}}) == [5, 9]
    assert found(books, {"RequestId": {"id": "REQID3"}}) == []


@pytest.mark.parametrize("page", [{"id": "a\0b"}, {"id": "a", "status": "\0"}, {"id": "a" * 513}])
def test_a_text_that_is_in_no_row_is_refused_as_a_parameter(books: Books, page: dict[str, str]) -> None:
    with pytest.raises(RpcError) as refused:
        found(books, {"AccountId": page})
    assert refused.value.code == -32602


def test_a_filled_order_shows_the_request_that_opened_it(books: Books) -> None:
    record(books, 9, "FILLED", request_id="", request_id_filled="REQID1")
    (row,) = books.call("transaction_hashes", b'{"TxId":{"id":"%b"}}' % ORDER_ID.encode())
    assert row["request_id"] == "REQID1"


@pytest.mark.parametrize(
    "query", [b"{}", b'{"TxId":{"id":"a"},"AccountId":{"id":"b"}}', b'{"TxId":{}}', b'{"TxId":"a"}', b'{"Other":{}}']
)
def test_a_query_of_none_or_two_kinds_is_refused(books: Books, query: bytes) -> None:
    with pytest.raises(RpcError) as refused:
        books.call("transaction_hashes", query)
    assert refused.value.code == -32602


def test_the_owner_sees_the_newest_state_of_the_newest_order(books: Books) -> None:
    books.current_order(3, account_id=OWNER.address, uuid="00000000-0000-4000-8000-000000000003")
    books.current_order(50, account_id=OWNER.address)
    books.current_order(60, account_id=STRANGER.address, uuid="00000000-0000-4000-8000-000000000060")
    assert books.call("trader_order_info", envelope()) == {
        "id": 50,
        "uuid": "3374714d-8a95-4096-855f-7e2675fe0dc8",
        "account_id": OWNER.address,
        "position_type": "LONG",
        "order_status": "FILLED",
        "order_type": "MARKET",
        "entryprice": "42508.71",
        "execution_price": "30000",
        "positionsize": "4250871.5",
        "leverage": "10",
        "initial_margin": "10",
        "available_margin": "10",
        "timestamp": "2024-01-31T11:14:45.575359Z",
        "bankruptcy_price": "38644.29",
        "bankruptcy_value": "110",
        "maintenance_margin": "0.5375",
        "liquidation_price": "38834.04",
        "unrealized_pnl": "0",
        "settlement_price": "0",
        "entry_nonce": 0,
        "exit_nonce": 0,
        "entry_sequence": 1,
        "fee_filled": "0",
        "fee_settled": "0",
    }


def test_the_status_in_the_envelope_is_signed_but_does_not_select(books: Books) -> None:
    books.current_order(50, account_id=OWNER.address)
    assert books.call("trader_order_info", envelope(status="SETTLED"))["order_status"] == "FILLED"


def test_the_published_envelope_is_accepted(books: Books) -> None:
    books.current_order(1, account_id=VECTOR_ACCOUNT)
    assert books.call("trader_order_info", data(VECTOR))["id"] == 1


def test_an_owner_without_orders_finds_none(books: Books) -> None:
    with pytest.raises(RpcError, match="Error fetching order info: NotFound"):
        books.call("trader_order_info", envelope())


QUERY = OWNER.sign_query("PENDING")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zz", "Invalid hex data"),
        ("abc", "Invalid hex data"),
        ("00" * 200_000, "Invalid hex data"),
        ("", "Invalid bincode"),
        ("8a00", "Invalid bincode"),
        (encode_message(QUERY) + "00", "Invalid bincode"),
        (VECTOR.replace("3604000000", "3605000000"), "Invalid order params:the signature does not fit"),
        (VECTOR[:-2] + "ff", "Invalid order params:expected a canonical point and a canonical scalar"),
    ],
)
def test_an_envelope_that_proves_nothing_is_refused(books: Books, text: str, message: str) -> None:
    with pytest.raises(RpcError) as refused:
        books.call("trader_order_info", data(text))
    assert (refused.value.code, refused.value.message) == (-32000, message)


def test_nobody_can_ask_for_the_account_of_another(books: Books) -> None:
    books.current_order(50, account_id=OWNER.address)
    theirs = STRANGER.sign_query("PENDING")
    mixed = type(theirs)(OWNER.address, theirs.order_status, theirs.public_key, theirs.signature)
    with pytest.raises(RpcError, match="Invalid order params:"):
        books.call("trader_order_info", data(encode_message(mixed)))


def test_the_history_has_every_state_newest_first(books: Books) -> None:
    books.order(3, account_id=OWNER.address, order_status="PENDING")
    books.order(8, account_id=OWNER.address)
    books.order(9, account_id=STRANGER.address)
    states = books.call("historical_trader_order_info", envelope())
    assert [(state["id"], state["order_status"]) for state in states] == [(8, "FILLED"), (3, "PENDING")]


def triggers(books: Books) -> None:
    for family, price in (("CLOSE_LIMIT", "45000"), ("STOP_LOSS", None), ("TAKE_PROFIT", "50000.5")):
        books.insert(
            "trigger_current",
            order_uuid="3374714d-8a95-4096-855f-7e2675fe0dc8",
            family=family,
            price=price,
            position_type="LONG",
            created_ts="2024-01-31T11:14:45Z",
            last_src_offset=1,
        )


def funding(books: Books, offset: int, margin: str, rate: str) -> None:
    from books import ORDER  # noqa: PLC0415

    row = {name: value for name, value in ORDER.items() if name not in ("event_kind", "sequence")}
    books.event("trader_order_funding_update", offset, **{**row, "available_margin": margin, "fee_filled": "0.5"})
    books.event(
        "order_command",
        offset,
        order_kind="trader",
        order_uuid=ORDER["uuid"],
        family="relayer",
        variant="FundingOrderEventUpdate",
        meta={"FundingRate": rate},
        args={},
    )


def test_an_order_shows_its_triggers_and_the_funding_it_paid(books: Books) -> None:
    books.current_order(50, account_id=OWNER.address)
    triggers(books)
    funding(books, 51, "9.4", "0.0001")
    funding(books, 52, "9.3958", "0.0002")
    order = books.call("trader_order_info_v1", envelope())
    assert order["settle_limit"] == {
        "uuid": "3374714d-8a95-4096-855f-7e2675fe0dc8",
        "position_type": "LONG",
        "price": "45000.00",
        "created_time": "2024-01-31T11:14:45Z",
    }
    assert (order["stop_loss"], order["take_profit"]["price"]) == (None, "50000.50")
    assert order["funding_applied"] == "0.1042"
    payments = books.call("order_funding_history", envelope())
    assert [(row["payment"], row["funding_rate"]) for row in payments] == [("0.1", "0.0001"), ("0.0042", "0.0002")]


@pytest.mark.parametrize("status", ["SETTLED", "LIQUIDATE", "CANCELLED"])
def test_a_closed_order_has_no_triggers(books: Books, status: str) -> None:
    books.current_order(50, account_id=OWNER.address, order_status=status)
    triggers(books)
    order = books.call("trader_order_info_v1", envelope())
    assert (order["settle_limit"], order["take_profit"], order["funding_applied"]) == (None, None, None)


def test_a_lender_sees_the_deposit_and_what_it_earned(books: Books) -> None:
    books.current_lend_order(25, account_id=OWNER.address)
    books.lend_order(24, account_id=OWNER.address)
    books.pool(1, locked="12000000000", shares="1000000")
    order = books.call("lend_order_info", envelope())
    assert (order["id"], order["npoolshare"], order["tlv0"], len(order)) == (25, "153620", "0", 23)
    profit = books.call("lend_order_info_v1", envelope())["unrealised_profit"]
    assert profit["u_pnl"] == 30724.0
    assert profit["apr"] == pytest.approx(730.0, rel=1e-2)
    assert [state["id"] for state in books.call("historical_lend_order_info", envelope())] == [24]


def test_a_settled_deposit_has_earned_its_payment() -> None:
    now = datetime(2026, 1, 11, tzinfo=UTC)
    row = SimpleNamespace(
        order_status="SETTLED", payment=Decimal("100.4"), deposit=Decimal(1000), ts=now - timedelta(days=365)
    )
    profit = unrealised_profit(row, Decimal(1), Decimal(1), now)
    assert (profit.u_pnl, profit.apr) == (100.0, 10.0)
