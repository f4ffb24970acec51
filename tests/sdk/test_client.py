import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import TypeVar

import httpx
import pytest
from tests.sdk.exchange import Exchange, row

from twilight.sdk import (
    AsyncClient,
    Away,
    Call,
    Client,
    Flow,
    Pause,
    Refused,
    Unanswered,
    UnreadableAnswer,
    calls,
    flows,
    messages,
)
from twilight.wire.identity import Identity

T = TypeVar("T")

PRICE = {"id": 45551, "price": "42447.04", "timestamp": "2024-01-31T11:01:30.907388Z"}
TAKEN = {"msg": "Order request submitted successfully", "id_key": "REQID1"}
ALICE = Identity.from_seed(b"a seed for tests only")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are counted, not slept."""
    slept: list[float] = []

    async def nap(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("twilight.sdk.client.asyncio.sleep", nap)
    monkeypatch.setattr("twilight.sdk.client.time.sleep", slept.append)
    return slept


def blocking(exchange: Exchange) -> Client:
    def handle(request: httpx.Request) -> httpx.Response:
        status, body = exchange.reply(request.url.path, dict(request.headers), request.content)
        return httpx.Response(status, content=body)

    return Client("http://exchange", transport=httpx.MockTransport(handle))


def ask(exchange: Exchange, call: Call[T]) -> T:
    """Send with both clients and return what both found."""

    async def main() -> T:
        async with AsyncClient("http://exchange", transport=httpx.ASGITransport(exchange)) as client:
            return await client.send(call)

    found = asyncio.run(main())
    with blocking(exchange) as client:
        assert client.send(call) == found
    return found


def play(exchange: Exchange, flow: Flow[T]) -> T:
    async def main() -> T:
        async with AsyncClient("http://exchange", transport=httpx.ASGITransport(exchange)) as client:
            return await client.follow(flow)

    return asyncio.run(main())


def test_a_result_is_read_into_its_type() -> None:
    exchange = Exchange(btc_usd_price=[PRICE])
    price = ask(exchange, calls.btc_usd_price())
    assert (price.id, price.price, price.timestamp.year) == (45551, Decimal("42447.04"), 2024)
    assert exchange.paths == ["/api", "/api"]
    assert exchange.headers[0]["content-type"] == "application/json"


def test_members_that_a_newer_server_adds_are_ignored() -> None:
    assert ask(Exchange(btc_usd_price=[PRICE | {"new": 1}]), calls.btc_usd_price()).id == 45551


def test_a_refusal_has_its_code_text_and_reason() -> None:
    fault = {"code": -32000, "message": "Order not found", "data": {"reason": "ORDER_NOT_FOUND"}}
    with pytest.raises(Refused, match="Order not found") as caught:
        ask(Exchange(server_time=[fault]), calls.server_time())
    assert (caught.value.code, caught.value.reason) == (-32000, "ORDER_NOT_FOUND")


@pytest.mark.parametrize("answer", [503, 429, {"code": -32604, "message": "Server is busy, try again later"}])
def test_an_overloaded_server_is_away(answer: object) -> None:
    with pytest.raises(Away):
        ask(Exchange(server_time=[answer]), calls.server_time())


@pytest.mark.parametrize("answer", [b"", b"[", b'{"result":5}', b"{}", b"\xff"])
def test_an_answer_of_another_shape_is_unreadable(answer: bytes) -> None:
    with pytest.raises(UnreadableAnswer, match="server_time"):
        ask(Exchange(server_time=[answer]), calls.server_time())


def test_a_server_that_is_not_there_is_away() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with (
        Client("http://exchange", transport=httpx.MockTransport(refuse)) as client,
        pytest.raises(Away, match="ConnectError refused"),
    ):
        client.send(calls.server_time())


@pytest.mark.parametrize(
    ("call", "params"),
    [
        (calls.answers_to_request("REQID1"), {"RequestId": {"id": "REQID1"}}),
        (calls.answers_of_account("0c"), {"AccountId": {"id": "0c"}}),
        (calls.answers_of_order("668a"), {"TxId": {"id": "668a"}}),
    ],
)
def test_answers_are_asked_for_by_request_account_or_order(call: Call[object], params: object) -> None:
    exchange = Exchange(transaction_hashes=[[]])
    assert ask(exchange, call) == []
    assert exchange.asked["transaction_hashes"][0]["params"] == params


def test_an_order_is_submitted_with_one_key_however_often_it_is_sent(no_waiting: list[float]) -> None:
    exchange = Exchange(CancelTraderOrder=[503, 503, TAKEN])
    message = messages.cancel_trader_order(ALICE, "668a85e3-1cef-4396-af6b-3294b24a8030")
    assert play(exchange, flows.submit(message)).id_key == "REQID1"
    assert exchange.paths == ["/clientapi"] * 3
    assert len({headers["idempotency-key"] for headers in exchange.headers}) == 1
    assert len({str(request["params"]) for request in exchange.asked["CancelTraderOrder"]}) == 1
    assert len(no_waiting) == 2


@pytest.mark.parametrize("reason", ["QUEUE_UNAVAILABLE", "ORDER_OUTCOME_UNKNOWN"])
def test_an_order_that_may_not_have_reached_the_queue_is_sent_again_with_its_key(
    reason: str, no_waiting: list[float]
) -> None:
    fault = {"code": -32000, "message": "Could not send order", "data": {"reason": reason}}
    exchange = Exchange(CancelTraderOrder=[fault, TAKEN])
    message = messages.cancel_trader_order(ALICE, "668a85e3-1cef-4396-af6b-3294b24a8030")
    assert play(exchange, flows.submit(message)).id_key == "REQID1"
    assert len({headers["idempotency-key"] for headers in exchange.headers}) == 1
    assert len(no_waiting) == 1


def test_a_flow_gives_up_when_the_exchange_stays_away(no_waiting: list[float]) -> None:
    exchange = Exchange(server_time=[503])
    with pytest.raises(Away):
        play(exchange, flows.patient(calls.server_time(), tries=4))
    assert (len(exchange.asked["server_time"]), len(no_waiting)) == (4, 3)


def test_an_order_is_placed_and_its_answer_waited_for() -> None:
    exchange = Exchange(CancelTraderOrder=[TAKEN], transaction_hashes=[[], [], [row("CANCELLED")]])
    message = messages.cancel_trader_order(ALICE, "668a85e3-1cef-4396-af6b-3294b24a8030")
    (found,) = play(exchange, flows.place(message))
    assert found.order_status == "CANCELLED"


def test_a_refused_order_is_not_waited_for() -> None:
    exchange = Exchange(CancelTraderOrder=[{"code": -32602, "message": "Invalid parameters"}])
    message = messages.cancel_trader_order(ALICE, "668a85e3-1cef-4396-af6b-3294b24a8030")
    with pytest.raises(Refused):
        play(exchange, flows.place(message))


def test_waiting_can_ask_for_more_than_one_answer() -> None:
    two = [row("CancelledStopLoss"), row("SETTLED", id=290)]
    exchange = Exchange(transaction_hashes=[two[:1], two])
    flow = flows.answer("REQID1", complete=lambda rows: any(r.order_status == "SETTLED" for r in rows))
    assert [found.id for found in play(exchange, flow)] == [289, 290]


def test_an_answer_that_never_comes_is_told_with_its_request_id(no_waiting: list[float]) -> None:
    with pytest.raises(Unanswered, match=r"REQID1 within 5\."):
        play(Exchange(transaction_hashes=[[]]), flows.answer("REQID1", within_s=5))
    assert max(no_waiting) == flows.POLL_MAX_S


def test_both_clients_play_the_same_flow() -> None:
    def flow() -> Flow[list[str]]:
        first = yield calls.server_time()
        yield Pause(1)
        try:
            yield calls.btc_usd_price()
        except Refused as refused:
            return [first, refused.message]
        return []

    answers: dict[str, list[object]] = {
        "server_time": ["now"],
        "btc_usd_price": [{"code": -32000, "message": "no"}],
    }
    with blocking(Exchange(**answers)) as client:
        assert client.follow(flow()) == play(Exchange(**answers), flow()) == ["now", "no"]


def test_pauses_grow_up_to_their_limit() -> None:
    def pauses() -> Iterator[float]:
        yield from (flows.backoff_s(attempt) for attempt in range(60))

    spans = [(0.5 * min(8.0, 0.25 * 2.0**n), min(8.0, 0.25 * 2.0**n)) for n in range(60)]
    assert all(low <= pause <= high for pause, (low, high) in zip(pauses(), spans, strict=True))
