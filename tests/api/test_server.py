# ruff: noqa: ASYNC110 - tests ask a server until it is as far
"""The whole process on the real Kafka and PostgreSQL."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
from books import Books
from websockets.asyncio.client import connect

from twilight.api.server import serve
from twilight.api.settings import ApiSettings
from twilight.bus.producer import Producer
from twilight.bus.reader import LogReader
from twilight.bus.records import Record
from twilight.bus.topics import TopicSpec, ensure
from twilight.ops.lifecycle import Stop
from twilight.sdk import messages
from twilight.sdk.messages import Open
from twilight.wire import bincode
from twilight.wire.client_messages import encode_message, script_of
from twilight.wire.commands import decode_command
from twilight.wire.events import CurrentPriceUpdateEvent, Event, LendOrderEvent, TraderOrderEvent, encode_event
from twilight.wire.identity import Identity
from twilight.wire.keys import EventKey, encode_key
from twilight.wire.types import LendOrder, TraderOrder

pytestmark = pytest.mark.servers

ALICE = Identity.from_seed(b"alice of the whole server")
BOB = Identity.from_seed(b"bob of the whole server")
UUID = "668a85e3-1cef-4396-af6b-3294b24a8030"
OPEN = messages.create_trader_order(ALICE, Open(side="LONG", margin_sats=1_000, leverage=10, price=65_000))
MEMO = script_of(OPEN.transaction).outputs[0]
SETTLE = messages.execute_trader_order(ALICE, UUID, MEMO)
CANCEL = messages.cancel_trader_order(ALICE, UUID)
TIME = "2026-04-10T08:00:00.250+00:00"


@dataclass
class Exchange:
    """The topics and the database that one test's processes share."""

    brokers: str
    books: Books
    log: str
    requests: str
    failures: str

    def settings(self, **changes: Any) -> ApiSettings:
        values = {
            "api_addr": "127.0.0.1:0",
            "broker": self.brokers,
            "database_url": self.books.url,
            "core_event_log": self.log,
            "rpc_client_request": self.requests,
            "rpc_client_failed_request": self.failures,
            "view_catch_up_s": 30.0,
            "order_ack_timeout_s": 30.0,
        }
        return ApiSettings(**{**values, **changes})

    def publish(self, *events: Event) -> None:
        producer = Producer(self.brokers)
        for event in events:
            kind = type(event).__name__.removesuffix("Event")
            producer.send(self.log, encode_key(EventKey("agg", kind)), encode_event(event))
        producer.flush(10)

    def records(self, topic: str) -> list[Record]:
        with LogReader(self.brokers, topic, start="earliest") as reader:
            end, found = reader.end_offset(), list[Record]()
            while len(found) < end:
                found += reader.read(100, 1.0)
            return found


@pytest.fixture
def exchange(kafka: str, topic: Callable[[str], str], books: Books) -> Exchange:
    books.forget_submissions()
    names = [topic(name) for name in ("CoreEventLogTopic", "CLIENT-REQUEST", "CLIENT-FAILED-REQUEST")]
    ensure(kafka, [TopicSpec(name) for name in names])
    return Exchange(kafka, books, *names)


@dataclass
class Process:
    client: httpx.AsyncClient
    ports: list[int]

    async def ask(self, path: str, method: str, params: Any = None, **headers: str) -> Any:
        body = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        return (await self.client.post(path, json=body, headers=headers)).json()

    async def ready(self) -> None:
        while (await self.client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running(settings: ApiSettings) -> AsyncIterator[Process]:
    """Serve until the block ends, then stop as on SIGTERM."""
    stop, ports = Stop(), list[int]()
    task = asyncio.create_task(serve(settings, stop, started=ports.extend))
    while not ports and not task.done():
        await asyncio.sleep(0.02)
    if task.done():
        await task
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[0]}") as client:
            process = Process(client, ports)
            await process.ready()
            yield process
    finally:
        stop.set()
        await task


def trader_order(status: str = "FILLED", **changes: Any) -> TraderOrderEvent:
    numbers = dict.fromkeys(TraderOrder.__struct_fields__, 0.0)
    texts = {
        "uuid": UUID,
        "account_id": ALICE.address,
        "position_type": "LONG",
        "order_status": status,
        "order_type": "MARKET",
        "timestamp": TIME,
        "entryprice": 65_000.0,
        "positionsize": 650_000_000.0,
        "settlement_price": 66_000.0,
    }
    nonces = dict.fromkeys(("entry_nonce", "exit_nonce", "entry_sequence"), 0)
    command = decode_command(
        b'{"CancelTraderOrder":[{"account_id":"a","uuid":"%b","order_type":"LIMIT","order_status":"PENDING"},'
        b'{"metadata":{}},"00","REQID"]}' % UUID.encode()
    )
    order = TraderOrder(**{**numbers, **texts, **nonces, **changes})  # type: ignore[arg-type]
    return TraderOrderEvent(order, command, 1)


def lend_order(status: str = "FILLED") -> LendOrderEvent:
    numbers = dict.fromkeys(LendOrder.__struct_fields__, 0.0)
    texts = {
        "uuid": UUID,
        "account_id": ALICE.address,
        "order_status": status,
        "order_type": "LEND",
        "timestamp": TIME,
    }
    nonces = dict.fromkeys(("entry_nonce", "exit_nonce", "entry_sequence"), 0)
    order = LendOrder(**{**numbers, **texts, **nonces})  # type: ignore[arg-type]
    return LendOrderEvent(order, trader_order().command, 1)


def data(message: Any) -> dict[str, str]:
    return {"data": encode_message(message)}


@pytest.mark.parametrize(
    ("method", "message", "kind", "proof"),
    [
        ("CreateTraderOrder", OPEN, "CreateTraderOrder", OPEN.transaction),
        ("ExecuteTraderOrder", SETTLE, "ExecuteTraderOrder", SETTLE.settle),
        ("CancelTraderOrder", CANCEL, "CancelTraderOrder", CANCEL.cancel),
    ],
)
def test_an_order_stands_in_the_queue_when_it_is_acknowledged(
    exchange: Exchange, method: str, message: Any, kind: str, proof: Any
) -> None:
    headers = {"Relayer": "r", "Twilight-Address": "twilight1abc"}

    async def work() -> Any:
        async with running(exchange.settings()) as process:
            return await process.ask("/clientapi/", method, data(message), **headers)

    result = asyncio.run(work())["result"]
    (record,) = exchange.records(exchange.requests)
    command = decode_command(record.value)
    body: Any = command.value
    assert result["msg"] == "Order request submitted successfully"
    assert record.key == f"{kind}-{result['id_key']}".encode()
    assert (command.kind, body.order, body.payload_hex) == (kind, message.order, bincode.encode_hex(proof))
    assert body.request_id == result["id_key"]
    meta = body.meta.metadata
    assert list(meta) == ["CONTENT_TYPE", "Relayer", "Twilight-Address", "request_server_time"]
    assert list(meta.values())[:3] == ["application/json", "r", "twilight1abc"]
    assert abs(int(meta["request_server_time"]) / 1e6 - datetime.now(UTC).timestamp()) < 60


def test_a_deposit_has_its_balance_and_an_open_its_margin_set(exchange: Exchange) -> None:
    deposit = messages.create_lend_order(ALICE, 5_000)

    async def work() -> None:
        async with running(exchange.settings()) as process:
            await process.ask("/api", "submit_lend_order", data(deposit))
            await process.ask("/api", "submit_trade_order", data(OPEN))

    asyncio.run(work())
    lend, trade = (decode_command(record.value) for record in exchange.records(exchange.requests))
    assert lend.CreateLendOrder.order.balance == 5_000.0
    assert lend.CreateLendOrder.payload_hex == bincode.encode_hex(deposit.create)
    assert trade.CreateTraderOrder.order.available_margin == 1_000.0


def test_a_refused_order_is_kept_with_its_whole_message(exchange: Exchange) -> None:
    foreign = data(messages.cancel_trader_order(ALICE, UUID))["data"].replace(UUID.replace("-", ""), "00" * 16)

    async def work() -> Any:
        async with running(exchange.settings()) as process:
            order_api = await process.ask("/clientapi", "CancelTraderOrder", {"data": foreign})
            public = await process.ask("/api", "cancel_trader_order", {"data": foreign})
            undecodable = await process.ask("/clientapi", "CancelTraderOrder", {"data": "zz"})
            return [answer["error"] for answer in (order_api, public, undecodable)]

    order_api, public, undecodable = asyncio.run(work())
    assert (order_api["code"], order_api["message"]) == (-32602, "Invalid parameters, Invalid order params")
    assert (public["code"], public["message"]) == (-32000, "Invalid order params")
    assert undecodable["message"] == "Invalid parameters, Invalid hex data"
    kept = exchange.records(exchange.failures)
    assert [json.loads(record.value or b"") for record in kept] == [foreign, foreign]
    assert all((record.key or b"").startswith(b"CancelTraderOrderfailed-") for record in kept)
    assert exchange.records(exchange.requests) == []


def test_a_close_right_after_its_fill_is_accepted_by_every_process(exchange: Exchange) -> None:
    async def work() -> list[Any]:
        async with running(exchange.settings()) as first, running(exchange.settings()) as second:
            await asyncio.to_thread(exchange.publish, trader_order("FILLED"))
            return [await process.ask("/api", "settle_trade_order", data(SETTLE)) for process in (first, second)]

    answers = asyncio.run(work())
    assert [answer["result"]["msg"] for answer in answers] == ["Order request submitted successfully"] * 2


@pytest.mark.parametrize(
    ("method", "message", "status", "text"),
    [
        ("settle_trade_order", SETTLE, None, "Order not found"),
        ("settle_trade_order", SETTLE, "PENDING", "Order closed"),
        ("settle_trade_order", SETTLE, "SETTLED", "Order closed"),
        ("cancel_trader_order", CANCEL, None, "Order not found"),
        ("cancel_trader_order", CANCEL, "SETTLED", "Order not cancelable"),
    ],
)
def test_an_order_that_is_not_open_cannot_be_closed(
    exchange: Exchange, method: str, message: Any, status: str | None, text: str
) -> None:
    if status is not None:
        exchange.books.current_order(1, uuid=UUID, account_id=ALICE.address, order_status=status)

    async def work() -> Any:
        async with running(exchange.settings()) as process:
            return await process.ask("/api", method, data(message))

    assert asyncio.run(work())["error"]["message"] == text


def test_the_fold_of_the_log_is_newer_than_the_database(exchange: Exchange) -> None:
    exchange.books.current_order(0, uuid=UUID, account_id=ALICE.address, order_status="FILLED")

    async def work() -> Any:
        async with running(exchange.settings()) as process:
            await asyncio.to_thread(exchange.publish, trader_order("SETTLED"))
            while "result" in (answer := await process.ask("/api", "settle_trade_order", data(SETTLE))):
                await asyncio.sleep(0.02)
            return answer

    assert asyncio.run(work())["error"]["message"] == "Order closed"


def test_the_order_of_another_account_cannot_be_closed(exchange: Exchange) -> None:
    exchange.books.current_order(0, uuid=UUID, account_id=BOB.address)

    async def work() -> Any:
        async with running(exchange.settings()) as process:
            return await process.ask("/api", "settle_trade_order", data(SETTLE))

    error = asyncio.run(work())["error"]
    assert (error["message"], error["data"]["reason"]) == ("Invalid order params", "INVALID_ORDER_PARAMS")


def test_a_deposit_is_withdrawn_by_its_owner(exchange: Exchange) -> None:
    withdraw = messages.execute_lend_order(ALICE, UUID, MEMO)

    async def work() -> list[Any]:
        async with running(exchange.settings()) as process:
            early = await process.ask("/api", "settle_lend_order", data(withdraw))
            await asyncio.to_thread(exchange.publish, lend_order())
            return [early, await process.ask("/api", "settle_lend_order", data(withdraw))]

    early, later = asyncio.run(work())
    assert early["error"]["message"] == "Order not found"
    assert "error" not in later, later
    assert later["result"]["msg"] == "Order request submitted successfully"


async def _subscribe(port: int, method: str, params: Any = None) -> Any:
    client = await connect(f"ws://127.0.0.1:{port}/ws")
    await client.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}))
    answer = json.loads(await client.recv())
    assert "result" in answer
    return client


def test_prices_of_the_log_reach_the_subscribers_of_every_process(exchange: Exchange) -> None:
    async def work() -> list[Any]:
        got = []
        async with running(exchange.settings()) as first, running(exchange.settings()) as second:
            clients = [await _subscribe(process.ports[0], "subscribe_live_price_data") for process in (first, second)]
            ticks = [CurrentPriceUpdateEvent(price, TIME) for price in (65_000.0, 65_001.0)]
            await asyncio.to_thread(exchange.publish, ticks[0], trader_order(), ticks[1])
            for client in clients:
                got.append([json.loads(await client.recv())["params"] for _ in range(2)])
                await client.close()
        return got

    first, second = asyncio.run(work())
    expected = [(0, None, [65_000.0, "2026-04-10T08:00:00.250Z"]), (2, 0, [65_001.0, "2026-04-10T08:00:00.250Z"])]
    for messages_ in (first, second):
        assert [(m["seq"], m["prev_seq"], m["result"]) for m in messages_] == expected


def test_a_process_that_starts_later_can_be_resumed_from_before_its_start(exchange: Exchange) -> None:
    exchange.publish(*(CurrentPriceUpdateEvent(float(price), TIME) for price in range(65_000, 65_005)))

    async def work() -> list[int]:
        async with running(exchange.settings()) as process:
            client = await _subscribe(process.ports[0], "subscribe_live_price_data", {"from": 1})
            seqs = [json.loads(await client.recv())["params"]["seq"] for _ in range(3)]
            await client.close()
            return seqs

    assert asyncio.run(work()) == [2, 3, 4]


def test_trades_are_streamed_once_each_with_the_side_and_price_of_the_answer(exchange: Exchange) -> None:
    async def work() -> list[Any]:
        async with running(exchange.settings()) as process:
            client = await _subscribe(process.ports[0], "subscribe_recent_trades")
            events = [trader_order(status) for status in ("PENDING", "FILLED", "FILLED", "SETTLED")]
            await asyncio.to_thread(exchange.publish, *events)
            got = [json.loads(await client.recv())["params"] for _ in range(2)]
            await client.close()
            return got

    opened, closed = asyncio.run(work())
    assert opened["result"] == {
        "order_id": UUID,
        "side": "LONG",
        "price": 65_000.0,
        "positionsize": 650_000_000.0,
        "timestamp": "2026-04-10T08:00:00.250Z",
    }
    assert (closed["result"]["side"], closed["result"]["price"]) == ("SHORT", 66_000.0)
    assert (opened["seq"], closed["seq"], closed["prev_seq"]) == (1, 3, 1)


def test_the_old_ports_serve_their_methods_on_their_root(exchange: Exchange) -> None:
    further = dict.fromkeys(("public_rpc", "order_rpc", "ws_listen_addr"), "127.0.0.1:0")

    async def work() -> list[Any]:
        async with running(exchange.settings(**further)) as process:
            body = {"jsonrpc": "2.0", "method": "healthcheck", "id": 1}
            answers = []
            for port in process.ports[1:]:
                answer = await process.client.post(f"http://127.0.0.1:{port}/", json=body)
                answers.append(answer.json()["result"]["status"])
            return answers

    assert asyncio.run(work()) == ["ok"] * 3


def test_every_path_publishes_what_it_serves(exchange: Exchange) -> None:
    async def work() -> list[Any]:
        async with running(exchange.settings()) as process:
            return [(await process.ask(path, "rpc.discover"))["result"] for path in ("/api", "/clientapi", "/ws")]

    public, orders, sockets = asyncio.run(work())
    names = [{method["name"] for method in document["methods"]} for document in (public, orders, sockets)]
    assert {"btc_usd_price", "candle_data", "transaction_hashes", "submit_trade_order"} <= names[0]
    assert {"CreateTraderOrder", "CancelTraderOrderSlTp", "GetServerTime", "healthcheck"} <= names[1]
    assert names[0] | {"subscribe_live_price_data"} <= names[2]
    (candle,) = (method for method in public["methods"] if method["name"] == "candle_data")
    assert [param["name"] for param in candle["params"]] == ["interval", "since", "limit", "offset"]


def test_readiness_says_that_the_database_is_away_while_orders_are_still_taken(exchange: Exchange) -> None:
    away = exchange.settings(database_url="postgresql://nobody@127.0.0.1:1/none")

    async def work() -> tuple[int, Any, Any]:
        stop, ports = Stop(), list[int]()
        task = asyncio.create_task(serve(away, stop, started=ports.extend))
        while not ports:
            await asyncio.sleep(0.02)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[0]}", timeout=20) as client:
            process = Process(client, ports)
            order = await process.ask("/clientapi", "CreateTraderOrder", data(OPEN))
            price = await process.ask("/api", "btc_usd_price")
            status = (await client.get("/readyz")).status_code
        stop.set()
        await task
        return status, order, price

    status, order, price = asyncio.run(work())
    assert (status, "result" in order) == (503, True)
    assert price["error"]["message"] == "Error fetching order info: the database is not available"


def submissions(books: Books) -> int:
    with psycopg.connect(books.url) as connection:
        row = connection.execute("select count(*) from auth.submission_log").fetchone()
    return int(row[0]) if row else 0


def test_a_repeat_under_the_same_key_is_one_order_on_every_process(exchange: Exchange) -> None:
    async def work() -> list[Any]:
        async with running(exchange.settings()) as first, running(exchange.settings()) as second:
            answers = []
            for process, key in ((first, "key-1"), (second, "key-1"), (first, "key-2")):
                headers = {"Idempotency-Key": key}
                answers.append(await process.ask("/clientapi", "CreateTraderOrder", data(OPEN), **headers))
            return [answer["result"]["id_key"] for answer in answers]

    once, again, other = asyncio.run(work())
    assert (once == again, once == other) == (True, False)
    queued = [decode_command(record.value).CreateTraderOrder for record in exchange.records(exchange.requests)]
    assert [command.request_id for command in queued] == [once, other]
    assert submissions(exchange.books) == 2


def test_a_key_cannot_stand_for_two_different_orders(exchange: Exchange) -> None:
    async def work() -> Any:
        async with running(exchange.settings()) as process:
            key = {"Idempotency-Key": "key-1"}
            await process.ask("/clientapi", "CreateTraderOrder", data(OPEN), **key)
            return await process.ask("/clientapi", "CancelTraderOrder", data(CANCEL), **key)

    assert asyncio.run(work())["error"]["data"]["reason"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tbed"])
def test_a_key_that_is_none_is_refused(exchange: Exchange, key: str) -> None:
    async def work() -> Any:
        async with running(exchange.settings()) as process:
            return await process.ask("/clientapi", "CreateTraderOrder", data(OPEN), **{"Idempotency-Key": key})

    assert asyncio.run(work())["error"]["code"] == -32602


def test_the_key_of_a_day_ago_is_free_again(exchange: Exchange) -> None:
    async def work() -> list[Any]:
        async with running(exchange.settings()) as process:
            key = {"Idempotency-Key": "key-1"}
            first = await process.ask("/clientapi", "CreateTraderOrder", data(OPEN), **key)
            with psycopg.connect(exchange.books.url) as connection:
                connection.execute("update auth.submission_log set created_at = now() - interval '25 hours'")
            return [first, await process.ask("/clientapi", "CreateTraderOrder", data(OPEN), **key)]

    first, second = asyncio.run(work())
    assert first["result"]["id_key"] != second["result"]["id_key"]


def test_a_repeat_after_a_lost_acknowledgement_keeps_its_request_id(exchange: Exchange) -> None:
    async def work() -> list[Any]:
        async with running(exchange.settings()) as process:
            key = {"Idempotency-Key": "key-1"}
            first = await process.ask("/clientapi", "CreateTraderOrder", data(OPEN), **key)
            with psycopg.connect(exchange.books.url) as connection:
                connection.execute("update auth.submission_log set sent_at = null")
            return [first, await process.ask("/clientapi", "CreateTraderOrder", data(OPEN), **key)]

    first, second = asyncio.run(work())
    assert first["result"]["id_key"] == second["result"]["id_key"]
    assert len(exchange.records(exchange.requests)) == 2
