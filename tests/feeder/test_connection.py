"""One venue's links on real sockets: drop, freeze, garble, flood, refuse, replace."""

import asyncio
import datetime as dt
import random
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from twilight.feeder import connection
from twilight.feeder.clock import SystemClock
from twilight.feeder.connection import VenueKeeper
from twilight.feeder.quotes import VenueBook
from twilight.feeder.venues import VENUES
from twilight.feeder.venues.shape import Limits

WITHOUT_GOODBYE = "ended by the venue without a goodbye"
TICKER = '{"type":"ticker","product_id":"BTC-USD","best_bid":"%d","best_ask":"%d"}'


@dataclass
class Exchange:
    """A websocket server in the test's hand."""

    url: str = ""
    links: list[ServerConnection] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    async def accept(self, link: ServerConnection) -> None:
        self.links.append(link)
        async for message in link:
            self.heard.append(str(message))

    async def quote(self, bid: int, link: int = -1) -> None:
        await self.links[link].send(TICKER % (bid, bid + 1))


Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a condition, not an event
            await asyncio.sleep(0.005)


def with_exchange(body: Callable[[Exchange, VenueKeeper], Awaitable[None]], **limits: float) -> None:
    async def main() -> None:
        exchange = Exchange()
        async with serve(exchange.accept, "127.0.0.1", 0) as server:
            exchange.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            keeper = kept(exchange.url, **limits)
            running = asyncio.create_task(keeper.run(0))
            try:
                async with asyncio.timeout(30):
                    await until(lambda: exchange.links)
                    await body(exchange, keeper)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def kept(url: str, **limits: float) -> VenueKeeper:
    chosen = Limits(backoff_floor_s=limits.pop("backoff_floor_s", 0.01), **limits)
    venue = replace(VENUES["coinbase"], url=url, limits=chosen)
    book = VenueBook(venue.quote, venue.symbol, venue.conversion)
    return VenueKeeper(venue, book, SystemClock(), 5_000, random.Random(1))


def bid(keeper: VenueKeeper) -> int | None:
    quote = keeper.book.index_quote(keeper.clock.now_ms())
    return None if quote is None else quote.bid // 10**8


def test_it_subscribes_at_once_and_fills_the_book() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await until(lambda: len(exchange.heard) == 2)
        assert '"BTC-USD"' in exchange.heard[0]
        assert '"USDT-USD"' in exchange.heard[1]
        await exchange.quote(61_822)
        await until(lambda: bid(keeper) == 61_822)
        assert keeper.counters.reconnects == 0

    with_exchange(body)


@pytest.mark.parametrize("politely", [True, False])
def test_a_dropped_link_is_down_at_once_and_connected_again(politely: bool) -> None:  # noqa: FBT001
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        await until(lambda: bid(keeper) == 1)
        if politely:
            await exchange.links[0].close()
        else:
            exchange.links[0].transport.abort()
        await until(lambda: bid(keeper) is None)
        await until(lambda: len(exchange.links) == 2)
        await exchange.quote(2)
        await until(lambda: bid(keeper) == 2)
        assert keeper.counters.reconnects == 1
        assert keeper.counters.last_error == ("closed by the venue: 1000" if politely else WITHOUT_GOODBYE)

    with_exchange(body)


def test_a_frame_that_is_too_large_is_refused_and_not_told_as_the_venue_s_hanging_up() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.links[0].send("x" * 1_100_000)
        await until(lambda: len(exchange.links) == 2)
        assert keeper.counters.last_error.startswith("refused a frame of the venue: 1009")
        assert "1100000 > 1048576" in keeper.counters.last_error

    with_exchange(body)


def beside(
    accept: Accept, body: Callable[[VenueKeeper], Awaitable[None]], afterwards: Callable[[], object] = lambda: True
) -> None:
    """Run the body while a keeper of links tries an exchange that does no more than this with a connection.

    What is to hold once the keeper has ended is waited for.
    """

    async def main() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        keeper = kept(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        running = asyncio.create_task(keeper.run(0))
        await body(keeper)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await until(afterwards)
        server.close()

    asyncio.run(main())


@pytest.mark.parametrize("asked", [False, True], ids=["when it accepts", "in the handshake"])
def test_an_exchange_that_hangs_up_before_the_handshake_is_over_is_tried_for_ever(asked: bool) -> None:  # noqa: FBT001
    calls = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if asked:
            await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def body(keeper: VenueKeeper) -> None:
        await until(lambda: calls >= 3)
        assert keeper.counters.last_error.startswith("cannot connect")

    beside(hang_up, body)


def test_an_exchange_that_never_answers_the_handshake_is_given_up_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "CONNECT_WITHIN_S", 0.1)
    calls = given_up = 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls, given_up
        calls += 1
        await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        given_up += 1

    async def body(keeper: VenueKeeper) -> None:
        await until(lambda: calls >= 2)
        assert keeper.counters.last_error.startswith("cannot connect")

    beside(say_nothing, body, afterwards=lambda: given_up == calls)


def test_an_exchange_that_is_away_is_tried_for_ever() -> None:
    async def main() -> None:
        server = await serve(lambda link: link.wait_closed(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        keeper = kept(f"ws://127.0.0.1:{port}")
        running = asyncio.create_task(keeper.run(0))
        await until(lambda: "cannot connect" in keeper.counters.last_error)
        exchange = Exchange()
        async with serve(exchange.accept, "127.0.0.1", port):
            await until(lambda: exchange.links)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def test_garbage_closes_the_link_and_only_it() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        for _ in range(20):
            await exchange.links[0].send("}{")
        await until(lambda: len(exchange.links) == 2)
        assert keeper.bad_frames == 20
        assert keeper.counters.last_error == "20 bad frames within 10000 ms"

    with_exchange(body)


async def flood(link: ServerConnection) -> None:
    for number in range(100_000):
        await link.send(TICKER % (number, number + 1))


def test_a_flood_is_cut() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        with pytest.raises(ConnectionClosed):
            await flood(exchange.links[0])
        assert keeper.counters.last_error.startswith("flood")

    with_exchange(body)


def test_after_a_burst_of_garbage_nothing_more_of_it_is_read() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        transport = exchange.links[0].transport
        transport.write(b"\x81\x01{" * 20_000)
        await until(lambda: len(exchange.links) == 2)
        assert keeper.bad_frames == 20

    with_exchange(body)


def test_a_flood_of_pieces_is_cut_as_one_of_messages_is() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        exchange.links[0].transport.write(b"\x01\x00" + b"\x00\x00" * 20_000)
        await until(lambda: len(exchange.links) == 2)
        assert keeper.counters.last_error.startswith("flood")

    with_exchange(body)


def test_pings_of_the_venue_are_answered_and_show_that_the_link_lives() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        await until(lambda: bid(keeper) == 1)
        assert keeper.active is not None
        keeper.active.session._heard_ms = keeper.book.last_frame_ms = -20_000
        await (await exchange.links[0].ping())
        assert keeper.book.last_frame_ms > 0
        keeper.turn(keeper.clock.now_ms())
        assert len(exchange.links) == 1
        assert keeper.active is not None

    with_exchange(body)


def test_a_message_in_pieces_is_put_together_and_one_too_large_is_cut() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        text = TICKER % (7, 8)
        await exchange.links[0].send([text[:10], text[10:30], text[30:]])
        await until(lambda: bid(keeper) == 7)
        await exchange.links[0].send(["x" * 600_000] * 2)
        await until(lambda: len(exchange.links) == 2)
        await exchange.links[1].send("y" * 1_100_000)
        await until(lambda: len(exchange.links) == 3)

    with_exchange(body)


def test_a_silent_link_is_reconnected_after_three_times_the_stale_time() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        await until(lambda: bid(keeper) == 1)
        now_ms = keeper.clock.now_ms()
        keeper.turn(now_ms + 14_000)
        assert keeper.active is not None
        keeper.turn(now_ms + 15_001)
        await until(lambda: len(exchange.links) == 2)
        assert keeper.counters.last_error.startswith("dead link")

    with_exchange(body)


def test_a_refused_subscription_closes_and_tries_again() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.links[0].send('{"type":"error","message":"no","reason":"USDT-USD"}')
        await until(lambda: "USDT-USD" in keeper.counters.last_error)
        assert len(exchange.links) == 1
        await exchange.links[0].send('{"type":"error","message":"no","reason":"BTC-USD"}')
        await until(lambda: len(exchange.links) == 2)

    with_exchange(body)


def grow_old(keeper: VenueKeeper) -> None:
    """Let the link have been opened 50 minutes ago, ten before its limit of an hour."""
    assert keeper.active is not None
    keeper.active.session._opened_ms -= 3_001_000
    keeper.turn(keeper.clock.now_ms())


def test_before_its_age_limit_a_link_is_replaced_without_a_moment_without_quotes() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        await until(lambda: bid(keeper) == 1)
        grow_old(keeper)
        await until(lambda: len(exchange.links) == 2)
        await exchange.quote(2, link=0)
        await until(lambda: bid(keeper) == 2)
        await exchange.quote(3, link=1)
        await until(lambda: bid(keeper) == 3)
        await exchange.links[0].wait_closed()
        assert bid(keeper) == 3
        await exchange.links[1].close()
        await until(lambda: len(exchange.links) == 3)
        await exchange.quote(4)
        await until(lambda: bid(keeper) == 4)

    with_exchange(body, age_max_s=3_600)


def test_a_link_that_dies_while_its_replacement_waits_is_connected_again() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        await until(lambda: bid(keeper) == 1)
        grow_old(keeper)
        await until(lambda: len(exchange.links) == 2)
        exchange.links[0].transport.abort()
        await until(lambda: len(exchange.links) == 3)
        await exchange.quote(5)
        await until(lambda: bid(keeper) == 5)

    with_exchange(body, age_max_s=3_600)


def test_a_stop_says_goodbye_to_the_exchange() -> None:
    async def body(exchange: Exchange, keeper: VenueKeeper) -> None:
        await exchange.quote(1)
        await until(lambda: bid(keeper) == 1)

    links: list[ServerConnection] = []

    async def noted(exchange: Exchange, keeper: VenueKeeper) -> None:
        await body(exchange, keeper)
        links.extend(exchange.links)

    with_exchange(noted)
    assert links[0].close_code == 1000


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server context whose certificate nobody has vouched for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(36_500))
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


class Freezer:
    """A way to a server on which, once frozen, nothing moves any more, not even an end."""

    def __init__(self, port: int) -> None:
        self.frozen = asyncio.Event()
        self._port = port

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("localhost", self._port)
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer), return_exceptions=True)
        finally:
            for end in (back, writer):
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self.frozen.is_set():
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()


def test_a_dead_link_with_tls_is_replaced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server_side = self_signed(tmp_path)
    client_side = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    monkeypatch.setattr(connection, "tls", lambda: client_side)

    async def main() -> None:
        exchange = Exchange()
        async with serve(exchange.accept, "localhost", 0, ssl=server_side) as server:
            way = Freezer(server.sockets[0].getsockname()[1])
            proxy = await asyncio.start_server(way.accept, "localhost", 0)
            keeper = kept(f"wss://localhost:{proxy.sockets[0].getsockname()[1]}")
            running = asyncio.create_task(keeper.run(0))
            await until(lambda: exchange.links)
            await exchange.quote(1)
            await until(lambda: bid(keeper) == 1)
            way.frozen.set()
            keeper.turn(keeper.clock.now_ms() + 15_001)
            await until(lambda: keeper.active is None)
            assert keeper.counters.last_error.startswith("dead link")
            running.cancel()
            proxy.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    asyncio.run(main())


def test_a_server_whose_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        exchange = Exchange()
        async with serve(exchange.accept, "localhost", 0, ssl=self_signed(tmp_path)) as server:
            keeper = kept(f"wss://localhost:{server.sockets[0].getsockname()[1]}")
            assert await keeper._open() is None
            assert "CERTIFICATE_VERIFY_FAILED" in keeper.counters.last_error
            assert exchange.links == []

    asyncio.run(main())
