import random
from dataclasses import replace

import pytest

from twilight.feeder.backoff import Backoff
from twilight.feeder.session import Ping, Session
from twilight.feeder.venues import VENUES
from twilight.feeder.venues.shape import Venue

TICKER = '{"type":"ticker","product_id":"BTC-USD","best_bid":"1","best_ask":"2"}'
TETHER = '{"type":"ticker","product_id":"USDT-USD","best_bid":"1","best_ask":"2"}'
OKX_BOOK = '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["2","1"]],"bids":[["1","1"]],"ts":"1"}]}'
BYBIT_BOOK = '{"topic":"orderbook.1.BTCUSDT","type":"snapshot","data":{"b":[["1","1"]],"a":[["2","1"]]}}'
HEARTBEAT = '{"type":"heartbeat"}'


def opened(name: str = "coinbase", **changes: object) -> Session:
    venue: Venue = replace(VENUES[name], **changes)  # type: ignore[arg-type]  # any field
    return Session(venue, venue.symbols, 5_000, 0)


def test_frames_give_quotes_and_nothing_closes_a_good_link() -> None:
    session = opened()
    for second in range(300):
        assert len(session.received(TICKER, second * 1_000)) == 1
        assert session.turn(second * 1_000) is None
    assert session.close_reason is None
    assert session.good_data_s() == 299


def test_no_frame_for_three_times_the_stale_time_is_a_dead_link() -> None:
    session = opened()
    session.received(TICKER, 1_000)
    session.turn(15_999)
    assert session.close_reason is None
    session.turn(16_000)
    assert session.close_reason == "dead link: no frame for 15000 ms"


def test_no_first_quote_within_fifteen_seconds_closes_although_frames_come() -> None:
    session = opened()
    for second in range(15):
        session.received(HEARTBEAT, second * 1_000)
        session.received(TETHER, second * 1_000)
        session.turn(second * 1_000)
    assert session.close_reason is None
    session.turn(15_000)
    assert session.close_reason == "no quote within 15000 ms of the subscription"


def test_heartbeats_without_a_quote_for_a_minute_are_a_dead_link() -> None:
    session = opened()
    session.received(TICKER, 0)
    for second in range(60):
        session.received(HEARTBEAT, second * 1_000)
        session.turn(second * 1_000)
    assert session.close_reason is None
    session.turn(60_000)
    assert session.close_reason == "no quote for 60000 ms"


def test_twenty_bad_frames_within_ten_seconds_close_the_link() -> None:
    session = opened()
    for number in range(20):
        assert session.close_reason is None
        assert session.received("{", number * 500) == []
    assert session.close_reason == "20 bad frames within 10000 ms"
    assert session.bad_frames == 20


def test_bad_frames_spread_over_a_longer_time_are_only_counted() -> None:
    session = opened()
    for number in range(60):
        session.received("{", number * 600)
    assert (session.close_reason, session.bad_frames) == (None, 60)


def test_a_flood_of_good_frames_closes_the_link_but_a_busy_second_does_not() -> None:
    session = opened()
    for turn in range(4):
        for _ in range(1_000):
            session.received(TICKER, turn * 250)
        session.turn(turn * 250)
    assert session.close_reason is None
    for _ in range(1_025):
        session.received(TICKER, 1_000)
    assert session.close_reason == "flood: more than 1024 frames in one turn"


def test_binary_frames_count_as_bad() -> None:
    session = opened()
    for _ in range(20):
        session.unreadable("a binary message", 0)
    assert session.close_reason == "20 bad frames within 10000 ms"


def test_the_refusal_of_the_main_product_closes_that_of_another_does_not() -> None:
    session = opened()
    session.received('{"type":"error","message":"no","reason":"USDT-USD is not a product"}', 0)
    assert session.close_reason is None
    assert session.refusals == ["no: USDT-USD is not a product"]
    session.received('{"type":"error","message":"no","reason":"BTC-USD is not a product"}', 0)
    assert session.close_reason == "subscription refused: no: BTC-USD is not a product"


def test_a_refusal_that_is_repeated_is_told_once() -> None:
    session = opened()
    for number in range(5):
        session.received(f'{{"type":"error","message":"{number}","reason":"USDT-USD is not a product"}}', 0)
    assert session.refusals == ["0: USDT-USD is not a product"]


def test_a_venue_that_asks_to_reconnect_is_obeyed() -> None:
    session = opened("okx")
    session.received('{"event":"notice","code":"64008","msg":"upgrade"}', 0)
    assert session.close_reason == "asked to reconnect: upgrade"


def test_maintenance_pauses_and_its_end_resumes() -> None:
    session = opened("kraken")
    session.received('{"channel":"status","data":[{"system":"maintenance"}]}', 0)
    assert session.paused
    session.received('{"channel":"status","data":[{"system":"online"}]}', 0)
    assert not session.paused


def test_okx_is_pinged_only_after_twenty_quiet_seconds() -> None:
    quiet = Session(VENUES["okx"], ("BTC-USDT",), 60_000, 0)
    quiet.received(OKX_BOOK, 5_000)
    assert quiet.turn(24_999) is None
    assert quiet.turn(25_000) == Ping("ping")
    assert quiet.turn(25_250) is None
    assert quiet.turn(45_000) == Ping("ping")


@pytest.mark.parametrize("name", ["okx", "kraken", "gemini", "bitstamp"])
def test_a_quiet_venue_is_asked_for_a_sign_of_life_before_its_link_counts_as_stale(name: str) -> None:
    session = opened(name)
    asked = []
    for quarter in range(240):
        if session.turn(quarter * 250) is not None:
            asked.append(quarter * 250)
            session.alive(quarter * 250 + 50)
    assert asked[0] == 2_500
    assert session.close_reason is not None
    assert session.close_reason.startswith("no quote within")


def test_bybit_is_pinged_every_twenty_seconds_whatever_comes() -> None:
    session = opened("bybit")
    pings = []
    for quarter in range(240):
        session.received(
            '{"topic":"orderbook.1.BTCUSDT","type":"snapshot","data":{"b":[["1","1"]],"a":[["2","1"]]}}', quarter * 250
        )
        pings.append(session.turn(quarter * 250))
    assert pings.count(Ping('{"op":"ping"}')) == 2
    assert pings[80] == Ping('{"op":"ping"}')


def test_gemini_is_kept_with_protocol_pings() -> None:
    quiet = Session(VENUES["gemini"], ("btcusd",), 60_000, 0)
    quiet.received('{"s":"btcusd","b":"1","a":"2"}', 0)
    assert quiet.turn(20_000) == Ping(None)


@pytest.mark.parametrize(("name", "age_s"), [("binance", 23 * 3_600 + 50 * 60), ("bitstamp", 90 * 86_400 - 600)])
def test_a_link_wants_a_replacement_ten_minutes_before_its_age_limit(name: str, age_s: int) -> None:
    session = opened(name)
    assert not session.wants_replacement(age_s * 1_000 - 1)
    assert session.wants_replacement(age_s * 1_000)
    assert not opened("coinbase").wants_replacement(10**12)


def test_the_back_off_doubles_up_to_thirty_seconds_is_jittered_and_keeps_the_floor() -> None:
    waits = [[Backoff(0.25, random.Random(seed))] for seed in range(400)]
    for step, limit in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30, 30]):
        values = [chain[0].next_s() for chain in waits]
        assert max(values) <= max(limit, 0.25), step
        assert min(values) >= 0.25
        assert max(values) > 0.9 * limit


def test_the_floor_of_bitfinex_holds_from_the_first_failure() -> None:
    limits = VENUES["bitfinex"].limits
    assert Backoff(limits.backoff_floor_s, random.Random(1)).next_s() == 3.5


@pytest.mark.parametrize(("good_s", "limit"), [(59.9, 30.0), (60.0, 0.5)])
def test_a_minute_of_good_data_forgives_the_failures(good_s: float, limit: float) -> None:
    waits = []
    for seed in range(300):
        backoff = Backoff(0.25, random.Random(seed))
        for _ in range(12):
            backoff.next_s()
        backoff.worked_for(good_s)
        waits.append(backoff.next_s())
    assert limit * 0.9 < max(waits) <= limit
