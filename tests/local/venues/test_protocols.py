"""The venues' side of each protocol, read by the feeder's own adapters."""

import pytest
from tests.local.venues.listener import connect

from twilight.feeder.venues import VENUES as ADAPTERS
from twilight.feeder.venues.shape import Control, ControlKind, TopOfBook
from twilight.local.venues.model import BTC, USDT, Link, Quote
from twilight.local.venues.registry import GROUPS, VENUES

WITHOUT_EXCHANGE_TIME = {"bitfinex", "binance"}
CONVERTERS = ("kraken", "coinbase", "bitstamp")
TIME_US = 1_723_161_256_345_678


def quote(product: str = BTC, bid: str | None = "61821.90", ask: str | None = "61822.00") -> Quote:
    return Quote(product, bid, ask, "0.5", "1.25", TIME_US, 7)


def signals(name: str, *frames: str) -> list[object]:
    adapter = ADAPTERS[name]
    decode = adapter.decoder([adapter.symbol, *adapter.conversion.values()])
    link, answers = connect(name)
    for answer in answers:
        decode(answer)
    return [signal for frame in frames for signal in decode(VENUES[name].wrap(link, frame))]


def test_the_same_eight_venues_exist_on_both_sides() -> None:
    assert set(VENUES) == set(ADAPTERS)


@pytest.mark.parametrize("name", VENUES)
def test_the_feeders_subscription_is_taken_for_every_product(name: str) -> None:
    link, _ = connect(name)
    assert link.products == {BTC, *((USDT,) if name in CONVERTERS else ())}


@pytest.mark.parametrize("name", [name for name in VENUES if name != "binance"])
def test_the_answer_to_a_subscription_is_understood(name: str) -> None:
    adapter = ADAPTERS[name]
    decode = adapter.decoder([adapter.symbol, *adapter.conversion.values()])
    kinds = {s.kind for answer in connect(name)[1] for s in decode(answer) if isinstance(s, Control)}
    assert ControlKind.SUBSCRIBED in kinds
    assert kinds.isdisjoint({ControlKind.BAD, ControlKind.REFUSED})


@pytest.mark.parametrize("name", VENUES)
def test_a_quote_arrives_as_it_was_sent(name: str) -> None:
    (book,) = signals(name, VENUES[name].quote(quote()))
    assert isinstance(book, TopOfBook)
    assert (book.symbol, book.bid, book.ask) == (ADAPTERS[name].symbol, 6_182_190_000_000, 6_182_200_000_000)


@pytest.mark.parametrize("name", VENUES)
def test_the_exchange_time_is_in_the_frame_where_the_venue_has_one(name: str) -> None:
    (book,) = signals(name, VENUES[name].quote(quote()))
    assert isinstance(book, TopOfBook)
    if name in WITHOUT_EXCHANGE_TIME:
        assert book.exchange_us is None
    else:
        assert book.exchange_us in (TIME_US, TIME_US // 1_000 * 1_000)


@pytest.mark.parametrize("name", CONVERTERS)
def test_a_usdt_rate_arrives_under_its_own_symbol(name: str) -> None:
    (book,) = signals(name, VENUES[name].quote(quote(USDT, "0.99972", "0.99974")))
    assert isinstance(book, TopOfBook)
    assert (book.symbol, book.bid, book.ask) == (ADAPTERS[name].conversion["USDT"], 99_972_000, 99_974_000)


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("sides", [(None, "61822.00"), ("61821.90", None), ("NaN", "61822.00")])
def test_half_a_book_or_no_number_is_never_a_quote(name: str, sides: tuple[str | None, str | None]) -> None:
    found = signals(name, VENUES[name].quote(quote(BTC, *sides)))
    assert not [signal for signal in found if isinstance(signal, TopOfBook)]


@pytest.mark.parametrize("name", [name for name, venue in VENUES.items() if venue.heartbeat_ms])
def test_heartbeats_keep_the_link_alive_and_are_known_in_recordings(name: str) -> None:
    (beat,) = VENUES[name].beats(TIME_US)
    (signal,) = signals(name, beat)
    assert isinstance(signal, Control)
    assert signal.kind is ControlKind.ALIVE
    assert VENUES[name].is_beat(beat)
    assert not VENUES[name].is_beat(VENUES[name].quote(quote()))


@pytest.mark.parametrize("name", [name for name, a in ADAPTERS.items() if a.keep_alive and a.keep_alive.text])
def test_the_feeders_keep_alive_is_answered_with_a_sign_of_life(name: str) -> None:
    adapter = ADAPTERS[name]
    assert adapter.keep_alive is not None
    assert adapter.keep_alive.text is not None
    (answer,) = VENUES[name].receive(Link(), adapter.keep_alive.text)
    (signal,) = signals(name, answer)
    assert isinstance(signal, Control)
    assert signal.kind in {ControlKind.ALIVE, ControlKind.IGNORED}


@pytest.mark.parametrize("name", [name for name in VENUES if name != "binance"])
def test_a_product_that_does_not_exist_is_refused(name: str) -> None:
    adapter = ADAPTERS[name]
    decode = adapter.decoder(["NO-SUCH"])
    answers = [
        answer
        for message in adapter.subscribe("ws://127.0.0.1:1/", ["NO-SUCH"])
        for answer in VENUES[name].receive(Link(), message)
    ]
    kinds = [s.kind for answer in answers for s in decode(answer) if isinstance(s, Control)]
    assert kinds == [ControlKind.REFUSED]


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("text", ["", "{", "[]", "null", "5", '{"op":[]}', '{"method":{},"params":7}', '"x"'])
def test_nonsense_from_a_client_is_answered_and_subscribes_nothing(name: str, text: str) -> None:
    link = Link()
    assert all(isinstance(answer, str) for answer in VENUES[name].receive(link, text))
    assert not link.subscribed


def test_binance_subscribes_by_url_and_wraps_frames_only_there() -> None:
    venue = VENUES["binance"]
    by_url, by_message = Link("/stream?streams=btcusdt@bookTicker"), Link("/ws")
    venue.greet(by_url)
    venue.greet(by_message)
    assert (by_url.subscribed, by_message.subscribed) == (True, False)
    venue.receive(by_message, '{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":1}')
    frame = venue.quote(quote())
    assert venue.wrap(by_url, frame) == f'{{"stream":"btcusdt@bookTicker","data":{frame}}}'
    assert (by_message.subscribed, venue.wrap(by_message, frame)) == (True, frame)


def test_three_venues_quote_in_usdt() -> None:
    usdt = {name for name, adapter in ADAPTERS.items() if adapter.quote == "USDT"}
    assert set(GROUPS["usdt"]) == usdt
    assert set(GROUPS["usd"]) == set(VENUES) - usdt
