import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest
from api_harness import Options, Served, served
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from twilight.api.stream.channel import BEHIND_MAX
from twilight.api.stream.fold import PRICES, TRADES
from twilight.api.stream.protocol import SocketSettings, protocol_class


def talk(
    exchange: Callable[[Served, ClientConnection], Coroutine[Any, Any, Any]], options: Options | None = None
) -> Any:
    async def work() -> Any:
        async with asyncio.timeout(20), served(options) as server, connect(server.socket_url) as client:
            return await exchange(server, client)

    return asyncio.run(work())


async def ask(client: ClientConnection, method: str, params: Any = None, id_: object = 1) -> Any:
    await client.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": id_}))
    return json.loads(await client.recv())


async def messages(client: ClientConnection, count: int) -> list[Any]:
    return [json.loads(await client.recv())["params"] for _ in range(count)]


def publish(server: Served, *seqs: int, channel: str = PRICES) -> None:
    for seq in seqs:
        server.hub.channels[channel].publish(seq, b'[%d.5,"2024-01-31T11:01:30.907388Z"]' % seq)


def test_public_methods_are_answered_on_the_websocket_too() -> None:
    async def exchange(_server: Served, client: ClientConnection) -> Any:
        return await ask(client, "echo", {"text": "hi"}, "x")

    assert talk(exchange) == {"jsonrpc": "2.0", "result": "hi", "id": "x"}


@pytest.mark.parametrize("params", [None, [], {}])
def test_a_subscriber_gets_each_price_with_its_sequence(params: object) -> None:
    async def exchange(server: Served, client: ClientConnection) -> Any:
        answer = await ask(client, "subscribe_live_price_data", params, "price_feeder")
        publish(server, 4, 6)
        return answer, await messages(client, 2)

    answer, got = talk(exchange)
    assert answer["id"] == "price_feeder"
    assert 0 <= answer["result"] < 2**53
    assert got == [
        {
            "subscription": answer["result"],
            "result": [seq + 0.5, "2024-01-31T11:01:30.907388Z"],
            "seq": seq,
            "prev_seq": before,
        }
        for seq, before in ((4, None), (6, 4))
    ]


@pytest.mark.parametrize(("start", "expected"), [("snapshot", [6, 9]), (4, [6, 9]), (0, [4, 6, 9]), ("now", [9])])
def test_a_subscriber_says_where_to_begin(start: str | int, expected: list[int]) -> None:
    async def exchange(server: Served, client: ClientConnection) -> Any:
        publish(server, 4, 6)
        await ask(client, "subscribe_live_price_data", {"from": start})
        publish(server, 9)
        return await messages(client, len(expected))

    assert [message["seq"] for message in talk(exchange)] == expected


def test_a_sequence_that_is_no_longer_kept_is_told_with_the_oldest() -> None:
    async def exchange(server: Served, client: ClientConnection) -> Any:
        server.hub.begin(100)
        publish(server, 101)
        return await ask(client, "subscribe_live_price_data", {"from": 5})

    error = talk(exchange)["error"]
    assert (error["code"], error["data"]) == (-32000, {"reason": "RESUME_TOO_OLD", "oldest_seq": 101})


@pytest.mark.parametrize("start", ["yesterday", 1.5, {}])
def test_a_start_that_is_none_makes_no_subscription(start: object) -> None:
    async def exchange(server: Served, client: ClientConnection) -> Any:
        answer = await ask(client, "subscribe_live_price_data", {"from": start})
        return answer["error"]["code"], len(server.hub.channels[PRICES].subscribers)

    assert talk(exchange) == (-32602, 0)


@pytest.mark.parametrize("params", [{}, {"interval": "TWO_MINUTE"}, {"interval": "1min"}])
def test_a_candle_stream_of_no_interval_is_refused(params: dict[str, str]) -> None:
    async def exchange(_server: Served, client: ClientConnection) -> Any:
        return (await ask(client, "subscribe_candle_data", params))["error"]["code"]

    assert talk(exchange) == -32602


@pytest.mark.parametrize(
    ("name", "params", "key"),
    [
        ("candle_data", {"interval": "ONE_HOUR"}, "candle_data/ONE_HOUR"),
        ("candle_update", {"interval": "ONE_DAY_CHANGE"}, "candle_update/ONE_DAY_CHANGE"),
        ("candle_data_15min", None, "candle_data_15min"),
        ("order_book", None, "order_book"),
        ("order_book", {"mode": "snapshot"}, "order_book/snapshot"),
        ("recent_trades", None, "recent_trades"),
        ("heartbeat", None, "heartbeat"),
    ],
)
def test_every_stream_is_named_after_its_subscription(name: str, params: Any, key: str) -> None:
    async def exchange(server: Served, client: ClientConnection) -> Any:
        number = (await ask(client, f"subscribe_{name}", params))["result"]
        server.hub.channels[key].publish(7, b'"x"')
        message = json.loads(await client.recv())
        ended = await ask(client, f"unsubscribe_{name}", [number])
        return message["method"], message["params"]["result"], ended["result"]

    assert talk(exchange) == (f"s_{name}", "x", True)


@pytest.mark.parametrize("form", ["array", "object"])
def test_unsubscribing_ends_the_stream(form: str) -> None:
    async def exchange(server: Served, client: ClientConnection) -> Any:
        number = (await ask(client, "subscribe_live_price_data"))["result"]
        params = [number] if form == "array" else {"id": number}
        first = await ask(client, "unsubscribe_live_price_data", params)
        publish(server, 1)
        second = await ask(client, "unsubscribe_live_price_data", params)
        return first["result"], second["result"]

    assert talk(exchange) == (True, False)


def test_a_closed_connection_is_forgotten() -> None:
    async def exchange(server: Served, client: ClientConnection) -> Any:
        await ask(client, "subscribe_live_price_data")
        await client.close()
        while server.listeners.connections():  # noqa: ASYNC110 - the server's side of the close
            await asyncio.sleep(0.01)
        return len(server.hub.channels[PRICES].subscribers)

    assert talk(exchange) == 0


def test_a_client_that_does_not_read_delays_nobody_and_costs_no_memory() -> None:
    big = b'"' + b"x" * 20_000 + b'"'

    async def exchange(server: Served, client: ClientConnection) -> Any:
        await ask(client, "subscribe_live_price_data")
        slow = await _deaf_subscriber(server)
        channel = server.hub.channels[PRICES]
        seen = []
        for seq in range(2_000):
            channel.publish(seq, big)
            if seq % 50 == 0:
                seen += [message["seq"] for message in await messages(client, 50 if seq else 1)]
        seen += [message["seq"] for message in await messages(client, 49)]
        behind = [subscription for subscription in channel.subscribers if subscription.sink.blocked]
        slow.close()
        return seen, len(behind), [channel._end - subscription.cursor for subscription in behind]

    seen, blocked, behind = talk(exchange)
    assert seen == list(range(2_000))
    assert blocked == 1
    assert behind[0] <= BEHIND_MAX


async def _deaf_subscriber(server: Served) -> socket.socket:
    """Return a socket that subscribes to prices and then never reads."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, ("127.0.0.1", server.port))
    handshake = (
        b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    )
    text = b'{"jsonrpc":"2.0","method":"subscribe_live_price_data","id":1}'
    await loop.sock_sendall(deaf, handshake)
    await loop.sock_recv(deaf, 1_000)
    await loop.sock_sendall(deaf, bytes((0x81, 0x80 | len(text))) + bytes(4) + text)
    await loop.sock_recv(deaf, 1_000)
    return deaf


def test_pings_go_out_and_a_client_that_answers_stays() -> None:
    async def exchange(_server: Served, client: ClientConnection) -> Any:
        await asyncio.sleep(0.5)
        return await ask(client, "echo", ["still here"])

    assert talk(exchange, Options(ping_interval_s=0.05))["result"] == "still here"


def test_a_client_that_misses_two_pings_is_closed() -> None:
    async def exchange(server: Served, _client: ClientConnection) -> Any:
        deaf = await _deaf_subscriber(server)
        while server.listeners.connections() > 1:  # noqa: ASYNC110 - the server's own timer
            await asyncio.sleep(0.02)
        deaf.close()
        return len(server.hub.channels[PRICES].subscribers)

    assert talk(exchange, Options(ping_interval_s=0.1)) == 0


def test_a_message_may_come_in_fragments_and_as_binary() -> None:
    text = b'{"jsonrpc":"2.0","method":"echo","params":["whole"],"id":1}'

    async def exchange(_server: Served, client: ClientConnection) -> Any:
        await client.send([text[:10], text[10:40], text[40:]])
        return json.loads(await client.recv())["result"]

    assert talk(exchange) == "whole"


def test_calls_of_one_connection_are_answered_in_order() -> None:
    async def exchange(_server: Served, client: ClientConnection) -> Any:
        for number in range(200):
            params = {"seconds": 0.001} if number % 20 == 0 else {"text": "x"}
            method = "wait" if number % 20 == 0 else "echo"
            await client.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": number}))
        return [json.loads(await client.recv())["id"] for _ in range(200)]

    assert talk(exchange) == list(range(200))


class Line:
    """A transport that only remembers whether it is read."""

    is_read = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return False


class Busy:
    """Answers nothing until it is let go."""

    def __init__(self) -> None:
        self.is_free = asyncio.Event()

    async def answer(self, _text: bytes, _call: object) -> SimpleNamespace:
        await self.is_free.wait()
        return SimpleNamespace(body=b"")


def test_a_connection_is_read_no_further_while_as_many_bytes_wait_as_one_message_may_have() -> None:
    async def work() -> list[bool]:
        line, core = Line(), Busy()
        settings = SocketSettings(cast("Any", None), lambda *_: None, message_bytes_max=100)
        protocol: Any = protocol_class(settings)(cast("Any", None), cast("Any", SimpleNamespace(connections=set())), {})
        protocol._transport, protocol._core = line, core
        seen = []
        for _ in range(3):
            protocol._receive(b"x" * 60)
            await asyncio.sleep(0)  # the first is taken out and answered
            seen.append(line.is_read)
        core.is_free.set()
        await protocol._worker
        return [*seen, line.is_read]

    assert asyncio.run(work()) == [True, True, False, True]


def test_an_unknown_path_is_no_websocket() -> None:
    async def work() -> int:
        async with served() as server:
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{server.port}/other").__aenter__()
            return refused.value.response.status_code

    assert asyncio.run(work()) == 404


def test_subscriptions_need_a_websocket() -> None:
    import httpx  # noqa: PLC0415 - the only HTTP call here

    async def work() -> int:
        async with served() as server, httpx.AsyncClient(base_url=server.url) as client:
            body = {"jsonrpc": "2.0", "method": "subscribe_live_price_data", "id": 1}
            return int((await client.post("/ws", json=body)).json()["error"]["code"])

    assert asyncio.run(work()) == -32601


def test_a_stopping_server_says_so() -> None:
    async def exchange(server: Served, client: ClientConnection) -> Any:
        await ask(client, "subscribe_recent_trades")
        await server.listeners.close()
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        received = closed.value.rcvd
        return received.code if received else None, len(server.hub.channels[TRADES].subscribers)

    assert talk(exchange) == (1012, 0)
