"""The servers over real sockets on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from twilight.feeder.venues import VENUES as ADAPTERS
from twilight.feeder.venues.shape import TopOfBook
from twilight.local.venues.control import Command, command
from twilight.local.venues.errors import RefusedCommandError
from twilight.local.venues.faults import AnyFault, Clock, Drip, Drop, Offset, Silence
from twilight.local.venues.floor import Floor
from twilight.local.venues.hub import Hub, State, WaitFor
from twilight.local.venues.market import Still, Walk
from twilight.local.venues.model import E8
from twilight.local.venues.registry import VENUES
from twilight.local.venues.replay import Raw
from twilight.local.venues.run import AtEnd, Options, serve_venues
from twilight.ops.health import Health

WITHIN_S = 20


@asynccontextmanager
async def playing(floor: Floor, wait_for: WaitFor = WaitFor.NONE) -> AsyncIterator[Hub]:
    hub = Hub(floor, market="test", wait_for=wait_for)
    await hub.start()
    player = asyncio.create_task(hub.play())
    try:
        yield hub
    finally:
        player.cancel()
        await hub.close()


@asynccontextmanager
async def subscribed(hub: Hub, name: str) -> AsyncIterator[ClientConnection]:
    adapter = ADAPTERS[name]
    async with connect(hub.urls[name], close_timeout=0.2) as socket:
        for message in adapter.subscribe(hub.urls[name], [adapter.symbol, *adapter.conversion.values()]):
            await socket.send(message)
        yield socket


async def books(socket: ClientConnection, name: str) -> AsyncIterator[TopOfBook]:
    decode = ADAPTERS[name].decoder([ADAPTERS[name].symbol])
    async for frame in socket:
        for signal in decode(frame):
            if isinstance(signal, TopOfBook):
                yield signal


async def first_book(hub: Hub, name: str) -> TopOfBook:
    async with subscribed(hub, name) as socket:
        return await anext(books(socket, name))


def still() -> Floor:
    return Floor(Still({("kraken", "BTC"): (100 * E8, 101 * E8)}, every_us=20_000))


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - the servers have no event for this
        await asyncio.sleep(0.005)


def run(main: Callable[[], object]) -> None:
    asyncio.run(asyncio.wait_for(main(), WITHIN_S))  # type: ignore[arg-type] - a coroutine function


def test_every_venue_sends_quotes_to_a_feeder_that_subscribes() -> None:
    async def main() -> None:
        async with playing(Floor(Walk(1))) as hub:
            found = await asyncio.gather(*(first_book(hub, name) for name in VENUES))
            assert all(50_000 * E8 < book.bid < book.ask < 75_000 * E8 for book in found)

    run(main)


def test_a_dropped_venue_cuts_its_links_refuses_new_ones_and_comes_back() -> None:
    async def main() -> None:
        async with playing(still()) as hub, subscribed(hub, "kraken") as socket:
            await anext(books(socket, "kraken"))
            hub.obey(Command(fault=Drop(venues=("kraken",))))
            with pytest.raises(ConnectionClosed):
                await anext(_endless(socket))
            with pytest.raises(InvalidStatus):
                await first_book(hub, "kraken")
            hub.obey(Command(clear=("kraken",)))
            assert (await first_book(hub, "kraken")).bid == 100 * E8

    run(main)


def test_a_silent_venue_answers_nothing_until_the_fault_is_cleared() -> None:
    async def main() -> None:
        async with playing(still()) as hub, subscribed(hub, "kraken") as socket:
            await anext(books(socket, "kraken"))
            hub.obey(Command(fault=Silence(venues=("kraken",))))
            await _drained(socket)
            with pytest.raises(TimeoutError):
                await _answer_of_a_ping(socket)
            hub.obey(Command(clear=("kraken",)))
            await socket.send('{"method":"ping","req_id":7}')
            while "pong" not in (answer := str(await socket.recv())):
                continue
            assert '"req_id":7' in answer

    run(main)


async def _drained(socket: ClientConnection) -> None:
    """Take what is under way until nothing comes any more."""
    with suppress(TimeoutError):
        while True:
            await asyncio.wait_for(socket.recv(), 0.3)


async def _answer_of_a_ping(socket: ClientConnection) -> None:
    await socket.send('{"method":"ping"}')
    await asyncio.wait_for(socket.recv(), 0.5)


async def _endless(socket: ClientConnection) -> AsyncIterator[None]:
    while True:
        await socket.recv()
    yield


def test_faults_come_over_the_control_link_and_are_shown() -> None:
    async def main() -> None:
        async with playing(still()) as hub, subscribed(hub, "kraken") as socket:
            quotes = books(socket, "kraken")
            await anext(quotes)
            url = hub.status().control
            status = await command(url, Command(fault=Offset(venues=("kraken",), bps=100)))
            assert status.venues["kraken"].faults == ["offset"]
            assert status.venues["okx"].faults == []
            while (await anext(quotes)).bid != 101 * E8:
                continue
            with pytest.raises(RefusedCommandError, match="mtgox"):
                await command(url, Command(fault=Offset(venues=("mtgox",), bps=100)))

    run(main)


def test_a_browser_page_cannot_reach_the_servers() -> None:
    async def main() -> None:
        async with playing(still()) as hub:
            for url in (hub.urls["kraken"], hub.status().control):
                with pytest.raises(InvalidStatus):
                    await connect(url, origin="http://evil.example").__aenter__()  # type: ignore[arg-type]

    run(main)


def test_a_dripping_frame_still_arrives_whole() -> None:
    async def main() -> None:
        async with playing(still()) as hub:
            hub.obey(Command(fault=Drip(venues=("kraken",), bytes_per_s=2_000)))
            assert (await first_book(hub, "kraken")).ask == 101 * E8

    run(main)


def test_a_market_waits_until_all_eight_links_are_subscribed() -> None:
    async def main() -> None:
        recorded = Floor([Raw(1_000, "kraken", '{"n":1}')], recorded=True)
        async with playing(recorded, WaitFor.ALL) as hub, _all_links(hub) as last:
            assert hub.state is State.WAITING
            async with subscribed(hub, last), subscribed(hub, "kraken") as socket:
                async for frame in socket:
                    if frame == '{"n":1}':
                        break
            await until(lambda: hub.state is State.ENDED)

    run(main)


@asynccontextmanager
async def _all_links(hub: Hub) -> AsyncIterator[str]:
    """Seven subscribed links; yields the name of the eighth venue."""
    *names, last = (name for name in VENUES if name != "kraken")
    sockets = [subscribed(hub, name) for name in names]
    for socket in sockets:
        await socket.__aenter__()
    try:
        yield last
    finally:
        for socket in sockets:
            await socket.__aexit__(None, None, None)


def test_a_fault_before_the_market_opens_is_refused() -> None:
    async def main() -> None:
        async with playing(Floor([], recorded=True), WaitFor.ALL) as hub:
            with pytest.raises(RefusedCommandError, match="not opened"):
                await command(hub.status().control, Command(fault=Drop()))

    run(main)


def test_a_client_that_reads_nothing_is_cut_off_and_does_not_hold_up_others() -> None:
    async def main() -> None:
        flood = Floor(_frames("x" * 60_000, 4_000), recorded=True)
        async with playing(flood, WaitFor.ANY) as hub, subscribed(hub, "gemini"):
            server = hub.servers["gemini"]
            await until(lambda: server.frames_sent >= 1_024 and not server.clients)

    run(main)


def _frames(text: str, count: int) -> Iterable[Raw]:
    return (Raw(number, "gemini", text) for number in range(count))


class Never:
    async def wait(self) -> None:
        await asyncio.Event().wait()


def serve_until(options: Options, done: Callable[[], bool]) -> list[str]:
    """Run the servers until ``done``; return the lines they told."""
    lines: list[str] = []

    async def main() -> None:
        serving = asyncio.ensure_future(serve_venues(options, Never(), lines.append, Health()))
        await until(lambda: done() or serving.done())
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    run(main)
    return lines


def test_the_ports_file_names_every_venue_and_the_walk_goes_on_where_it_was(tmp_path: Path) -> None:
    ports, price = tmp_path / "ports.json", tmp_path / "price.json"
    price.write_text('{"price_e8": 5000000000000}')
    options = Options(ports_file=ports, price_file=price, status_file=tmp_path / "status.json")
    lines = serve_until(options, (tmp_path / "status.json").exists)
    urls = msgspec.json.decode(ports.read_bytes(), type=dict[str, str])
    assert set(urls) == set(VENUES)
    assert urls["binance"].endswith("/stream?streams=btcusdt@bookTicker")
    assert msgspec.json.decode(price.read_bytes())["price_e8"] == pytest.approx(5e12, rel=0.001)
    assert "market walk, seed 1: playing" in lines


def test_a_recording_may_end_the_servers(tmp_path: Path) -> None:
    path = tmp_path / "frames.jsonl"
    path.write_text('{"t":5,"v":"kraken","raw":"a"}\n')
    options = Options(replay=path, wait_for=WaitFor.NONE, at_end=AtEnd.EXIT)
    serve_until(options, lambda: False)


def test_a_recording_may_begin_again_and_cuts_all_links_then(tmp_path: Path) -> None:
    path, ports = tmp_path / "frames.jsonl", tmp_path / "ports.json"
    path.write_text('{"t":5,"v":"gemini","raw":"a"}\n')
    options = Options(replay=path, wait_for=WaitFor.ANY, at_end=AtEnd.LOOP, ports_file=ports)

    async def main() -> None:
        serving = asyncio.ensure_future(serve_venues(options, Never(), str, Health()))
        await until(ports.exists)
        url = msgspec.json.decode(ports.read_bytes())["gemini"]
        for _ in range(2):
            assert "a" in await _until_cut(url)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    run(main)


async def _until_cut(url: str) -> list[str | bytes]:
    """Subscribe to gemini and return all frames until the link breaks."""
    frames: list[str | bytes] = []
    async with connect(url) as socket:
        await socket.send(ADAPTERS["gemini"].subscribe(url, ["btcusd"])[0])
        with suppress(ConnectionClosed):
            while True:
                frames.append(await socket.recv())
    return frames


def test_a_quote_fault_in_a_replay_scenario_stops_the_start(tmp_path: Path) -> None:
    scenario, path = tmp_path / "bad.toml", tmp_path / "frames.jsonl"
    path.write_text("")
    scenario.write_bytes(b'[[fault]]\nkind = "clock"\nstep_s = 5\n')
    assert isinstance(_first(scenario), Clock)
    with pytest.raises(Exception, match="a recording is played as it is"):
        serve_until(Options(replay=path, scenario=scenario), lambda: False)


def _first(path: Path) -> AnyFault:
    from twilight.local.venues.scenario import load  # noqa: PLC0415 - only here

    return load(path).fault[0]
