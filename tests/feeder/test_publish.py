"""The public port, on real sockets."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable

import httpx
import pytest
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from twilight.feeder.publish import Hub, Page, PublicServer, serve
from twilight.ops.errors import Unavailable

PAGES = {"/v1/price": lambda: Page(b'{"price":"1"}'), "/metrics": lambda: Page(b"x 1\n", "text/plain")}


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def on_server(
    body: Callable[[Hub, PublicServer], Awaitable[None]], clients_max: int = 10, loop: str = "uvloop"
) -> None:
    async def main() -> None:
        hub = Hub(clients_max)
        server = await serve("127.0.0.1", 0, hub, PAGES)
        try:
            async with asyncio.timeout(30):
                await body(hub, server)
        finally:
            await server.close()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main())


def socket_url(server: PublicServer) -> str:
    return f"ws://127.0.0.1:{server.port}/v1/ws"


def test_a_client_gets_the_newest_tick_on_connecting_and_then_every_tick() -> None:
    async def body(hub: Hub, server: PublicServer) -> None:
        hub.publish(b"1")
        hub.publish(b"2")
        async with connect(socket_url(server)) as client:
            assert await client.recv() == "2"
            for number in range(3, 20):
                hub.publish(b"%d" % number)
                assert await client.recv() == str(number)

    on_server(body)


def test_pages_and_unknown_paths_answer_over_http_and_nothing_can_be_written() -> None:
    async def body(hub: Hub, server: PublicServer) -> None:
        del hub
        base = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient() as client:
            price = await client.get(f"{base}/v1/price?x=1")
            assert (price.status_code, price.json()) == (200, {"price": "1"})
            assert price.headers["content-type"] == "application/json"
            assert (await client.get(f"{base}/metrics")).text == "x 1\n"
            assert (await client.get(f"{base}/secret")).status_code == 404
            for method in ("POST", "PUT", "DELETE"):
                assert (await client.request(method, f"{base}/v1/price")).status_code == 400

    on_server(body)


async def _slow_socket(server: PublicServer, connection: str = "Upgrade") -> socket.socket:
    """A client that shakes hands and then does not read."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", server.port))
    await loop.sock_sendall(
        raw,
        b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: %b\r\n" % connection.encode()
        + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    await asyncio.sleep(0.2)
    return raw


async def _frames(raw: socket.socket) -> list[bytes]:
    """Read until nothing comes for a while; return the payloads."""
    loop, data = asyncio.get_running_loop(), b""
    try:
        while True:
            async with asyncio.timeout(0.5):
                data += await loop.sock_recv(raw, 65_536)
    except TimeoutError:
        pass
    data = data.split(b"\r\n\r\n", 1)[1]
    frames = []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        frames.append(data[start : start + size])
        data = data[start + size :]
    return frames


@pytest.mark.parametrize("loop", LOOPS)
def test_a_slow_client_holds_nobody_and_finally_gets_the_newest_tick_only(loop: str) -> None:
    async def body(hub: Hub, server: PublicServer) -> None:
        raw = await _slow_socket(server)
        async with connect(socket_url(server)) as quick:
            for number in range(2_000):
                hub.publish(json.dumps({"seq": number, "fill": "x" * 400}).encode())
                assert json.loads(await quick.recv())["seq"] == number
        numbers = [json.loads(frame)["seq"] for frame in await _frames(raw)]
        raw.close()
        assert numbers[-1] == 1_999
        assert numbers == sorted(numbers)
        assert len(numbers) < 200

    on_server(body, loop=loop)


@pytest.mark.parametrize("connection", ["Upgrade", "keep-alive, Upgrade"])
def test_a_browser_may_name_other_options_beside_the_upgrade(connection: str) -> None:
    async def body(hub: Hub, server: PublicServer) -> None:
        hub.publish(b"1")
        raw = await _slow_socket(server, connection)
        assert await _frames(raw) == [b"1"]
        raw.close()

    on_server(body)


def test_one_client_too_many_is_told_so() -> None:
    async def body(hub: Hub, server: PublicServer) -> None:
        async with connect(socket_url(server)):
            with pytest.raises(InvalidStatus, match="503"):
                await connect(socket_url(server))
        while hub.clients:  # noqa: ASYNC110 - a condition, not an event
            await asyncio.sleep(0.01)
        async with connect(socket_url(server)):
            assert hub.clients == 1

    on_server(body, clients_max=1)


async def talk(client: ClientConnection, text: str) -> None:
    for _ in range(2_000):
        await client.send(text)
    await client.recv()


@pytest.mark.parametrize("text", ["x" * 5_000, "x"])
def test_a_client_that_talks_too_much_is_cut(text: str) -> None:
    async def body(hub: Hub, server: PublicServer) -> None:
        del hub
        async with connect(socket_url(server)) as client:
            with pytest.raises(ConnectionClosed):
                await talk(client, text)

    on_server(body)


def test_clients_are_told_when_the_feeder_stops() -> None:
    async def body(hub: Hub, server: PublicServer) -> None:
        hub.publish(b"1")
        async with connect(socket_url(server)) as client:
            await client.recv()
            await server.close()
            with pytest.raises(ConnectionClosed, match="1001"):
                await client.recv()

    on_server(body)


def test_a_taken_port_is_one_clear_line() -> None:
    async def body(hub: Hub, server: PublicServer) -> None:
        with pytest.raises(Unavailable, match="FEEDER_ADDR: cannot listen on 127"):
            await serve("127.0.0.1", server.port, hub, PAGES)

    on_server(body)
