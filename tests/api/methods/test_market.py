import json
from datetime import UTC, datetime, timedelta

import pytest
from books import NOW, Books

from twilight.api.errors import RpcError
from twilight.api.scalars import time_text

pytestmark = pytest.mark.servers

DAY = datetime(2024, 1, 31, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def params(**members: object) -> bytes:
    return json.dumps({name.rstrip("_"): value for name, value in members.items()}).encode()


def test_the_newest_price_is_that_of_the_highest_offset(books: Books) -> None:
    books.price(7, "42447.038", "2024-01-31T11:01:30.907388Z")
    books.price(5, "1", "2025-01-31T11:01:30Z")
    assert books.call("btc_usd_price") == {"id": 7, "price": "42447.04", "timestamp": "2024-01-31T11:01:30.907388Z"}


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("btc_usd_price", "Error fetching order info: NotFound"),
        ("get_funding_rate", "Error fetching order info: NotFound"),
        ("get_fee_rate", "Error fetching order info: NotFound"),
        ("lend_pool_info", "Error fetching lend pool info: NotFound"),
        ("position_size", "Error fetching position size: NotFound"),
    ],
)
def test_an_empty_exchange_says_not_found(books: Books, method: str, text: str) -> None:
    with pytest.raises(RpcError) as refused:
        books.call(method)
    assert (refused.value.code, refused.value.message, refused.value.data["reason"]) == (-32000, text, "NOT_FOUND")


def test_prices_of_a_range_are_ascending_with_the_end_left_out(books: Books) -> None:
    for offset, second in ((1, 0), (3, 2), (2, 1), (4, 3)):
        books.price(offset, str(100 + second), DAY + timedelta(seconds=second))
    asked = params(from_=time_text(DAY), to=time_text(DAY + timedelta(seconds=3)), limit=9, offset=0)
    assert [row["price"] for row in books.call("historical_price", asked)] == ["100", "101", "102"]


@pytest.mark.parametrize(
    ("limit", "offset", "expected"), [(2, 0, ["100", "101"]), (0, -5, ["100"]), (9_999, 3, ["103"]), (5, 2**70, [])]
)
def test_limit_and_offset_are_clamped_in_silence(books: Books, limit: int, offset: int, expected: list[str]) -> None:
    for second in range(4):
        books.price(second, str(100 + second), DAY + timedelta(seconds=second))
    asked = params(from_=time_text(DAY), to=time_text(DAY + MINUTE), limit=limit, offset=offset)
    assert [row["price"] for row in books.call("historical_price", asked)] == expected


def test_a_range_that_ends_before_it_begins_is_empty(books: Books) -> None:
    asked = params(from_=time_text(DAY), to=time_text(DAY), limit=1, offset=0)
    assert books.call("historical_price", asked) == []


def test_the_funding_rate_has_six_decimals_and_its_price_two(books: Books) -> None:
    books.event("funding_rate", 4, rate="0.12500004", price="42643.99", ts="2024-01-31T10:00:00.075603Z", ts_ns=0)
    expected = {"id": 4, "rate": "0.125", "price": "42643.99", "timestamp": "2024-01-31T10:00:00.075603Z"}
    assert books.call("get_funding_rate") == expected
    asked = params(from_=time_text(DAY), to=time_text(DAY + timedelta(days=1)), limit=5, offset=0)
    assert books.call("historical_funding_rate", asked) == [expected]


def test_fees_are_shown_in_full(books: Books) -> None:
    levels = ("0.0005", "0.00025", "0.00075", "0.0005")
    names = ("filled_on_market", "filled_on_limit", "settled_on_market", "settled_on_limit")
    fees = {f"order_{name}": level for name, level in zip(names, levels, strict=True)}
    books.event("fee_history", 42, **fees, ts="2024-02-27T12:00:00Z", ts_ns=0)
    assert books.call("get_fee_rate") == {"id": 42, **fees, "timestamp": "2024-02-27T12:00:00Z"}
    asked = params(from_=time_text(DAY), to="2024-03-01T00:00:00Z", limit=5, offset=0)
    assert books.call("historical_fee_rate", asked) == [{"id": 42, **fees, "timestamp": "2024-02-27T12:00:00Z"}]


def test_position_totals_are_those_of_the_last_change(books: Books) -> None:
    old = {"command": "ADD", "position_type": "LONG", "amount": 1, "total_short": 5, "total_long": 6, "total": 11}
    books.event("position_size_log", 3, **old)
    books.event("position_size_log", 9, **{**old, "total_short": 0, "total_long": 17374082, "total": 17374082})
    expected = {"total_short": "0", "total_long": "17374082", "total": "17374082"}
    assert books.call("position_size") == expected


def minute_candles(books: Books) -> None:
    """The worked example of API specification 5.1."""
    rows = (
        (0, ("105", "110", "100", "108"), 2, "0.5", "50"),
        (1, ("108", "120", "101", "119"), 1, "0.25", "30"),
        (4, ("119", "119", "95", "96"), 4, "1", "100"),
        (6, ("96", "97", "96", "97"), 0, "0", "0"),
    )
    for minute, prices, trades, btc, usd in rows:
        books.candle(60, DAY + minute * MINUTE, prices, trades=trades, btc_volume=btc, usd_volume=usd)
    carried = {"carried": True, "trades": 0}
    for minute in (2, 3, 5, 7, 8, 9, 10, 11):
        books.candle(60, DAY + minute * MINUTE, ("97", "97", "97", "97"), **carried)


def candle_rows(books: Books, **members: object) -> list[tuple[str, ...]]:
    asked = {"interval": "FIVE_MINUTE", "since": time_text(DAY), "limit": 10, "offset": 0, **members}
    found = books.call("candle_data", params(**asked))
    names = ("start", "end", "open", "high", "low", "close", "trades", "btc_volume", "usd_volume")
    return [tuple(str(candle[name]) for name in names) for candle in found]


FIRST = ("2024-01-31T00:00:00Z", "2024-01-31T00:05:00Z", "105", "120", "95", "96", "7", "1.75", "180")
SECOND = ("2024-01-31T00:05:00Z", "2024-01-31T00:10:00Z", "96", "97", "96", "97", "0", "0", "0")


def test_five_minutes_roll_up_from_their_minutes(books: Books) -> None:
    minute_candles(books)
    assert candle_rows(books) == [FIRST, SECOND]


def test_what_was_traded_in_a_minute_without_a_tick_counts_to_the_candle_around_it(books: Books) -> None:
    for minute, price, carried in ((0, "100", False), (2, "100", True), (3, "90", False), (7, "90", True)):
        prices = (price, price, price, price)
        books.candle(60, DAY + minute * MINUTE, prices, trades=1, btc_volume="0.5", usd_volume="50", carried=carried)

    first, end = time_text(DAY), time_text(DAY + 5 * MINUTE)
    assert candle_rows(books) == [(first, end, "100", "100", "90", "90", "3", "1.5", "150")]
    assert candle_rows(books, interval="ONE_MINUTE")[1][0] == time_text(DAY + 3 * MINUTE)


@pytest.mark.parametrize(("limit", "offset", "expected"), [(1, 0, [FIRST]), (1, 1, [SECOND]), (5, 2, [])])
def test_candles_are_paged_by_those_that_exist(
    books: Books, limit: int, offset: int, expected: list[tuple[str, ...]]
) -> None:
    minute_candles(books)
    assert candle_rows(books, limit=limit, offset=offset) == expected


def test_the_start_is_floored_to_the_interval(books: Books) -> None:
    minute_candles(books)
    assert candle_rows(books, since="2024-01-31T00:04:59.9Z")[0] == FIRST


def test_a_rolling_day_begins_where_it_is_asked_to(books: Books) -> None:
    minute_candles(books)
    books.candle(60, DAY + timedelta(days=1, minutes=4), ("200", "200", "200", "200"))
    found = candle_rows(books, interval="ONE_DAY_CHANGE", since="2024-01-31T00:04:00Z")
    assert [(row[0], row[2], row[5]) for row in found] == [
        ("2024-01-31T00:04:00Z", "119", "97"),
        ("2024-02-01T00:04:00Z", "200", "200"),
    ]


@pytest.mark.parametrize(
    ("interval", "length_s", "resolution", "hours"),
    [
        ("ONE_MINUTE", 60, "1 minute", 1 / 60),
        ("ONE_HOUR", 3_600, "1 hour", 1),
        ("FOUR_HOUR", 3_600, "4 hours", 4),
        ("TWELVE_HOUR", 3_600, "12 hours", 12),
        ("ONE_DAY", 86_400, "1 day", 24),
    ],
)
def test_every_interval_has_its_own_length_and_name(
    books: Books, interval: str, length_s: int, resolution: str, hours: float
) -> None:
    books.candle(length_s, DAY, ("1", "4", "0.5", "2"))
    asked = params(interval=interval, since=time_text(DAY), limit=1, offset=0)
    (candle,) = books.call("candle_data", asked)
    assert (candle["resolution"], candle["high"]) == (resolution, "4")
    assert candle["end"] == time_text(DAY + timedelta(hours=hours))


def test_candles_of_the_future_are_none(books: Books) -> None:
    minute_candles(books)
    assert candle_rows(books, since="9999-12-31T23:59:59Z") == []


@pytest.mark.parametrize("interval", ["TWO_MINUTE", "one_minute", 5])
def test_an_interval_that_is_none_is_refused(books: Books, interval: object) -> None:
    with pytest.raises(RpcError) as refused:
        candle_rows(books, interval=interval)
    assert refused.value.code == -32602


def test_the_candle_query_says_which_member_is_missing(books: Books) -> None:
    with pytest.raises(RpcError, match="missing field `interval`"):
        books.call("candle_data", b'{"limit":1}')


def test_recent_trades_are_the_newest_of_the_last_day(books: Books) -> None:
    for number in range(30):
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        books.trade(number, uuid, "35000.255", "8686710", NOW - timedelta(minutes=30 - number))
    books.trade(99, "00000000-0000-4000-8000-00000000ffff", "1", "1", NOW - timedelta(hours=25))
    found = books.call("recent_trade_orders")
    assert len(found) == 25
    assert found[0] == {
        "order_id": "00000000-0000-4000-8000-000000000029",
        "side": "LONG",
        "price": "35000.26",
        "positionsize": "8686710",
        "timestamp": time_text(NOW - timedelta(minutes=1)),
    }


def test_the_book_adds_up_each_price_and_shows_ten_levels_best_first(books: Books) -> None:
    for number in range(24):
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        entry = {"order_uuid": uuid, "kind": "OPEN", "size": 10, "last_src_offset": 1}
        books.insert("order_book_entry", **entry, side="bid", price_cents=4_450_025 - number // 2)
    ask = {"order_uuid": uuid, "kind": "CLOSE", "side": "ask", "size": 5_000_000, "last_src_offset": 2}
    books.insert("order_book_entry", **ask, price_cents=4_500_050)
    book = books.call("open_limit_orders")
    assert book["ask"] == [{"id": "", "positionsize": 5_000_000.0, "price": 45_000.5}]
    assert book["bid"][0] == {"id": "", "positionsize": 20.0, "price": 44_500.25}
    assert [level["price"] for level in book["bid"]] == [(4_450_025 - level) / 100 for level in range(10)]


def test_the_clock_has_nine_decimals(books: Books) -> None:
    text = books.call("server_time")
    assert len(text) == len("2024-01-31T11:05:37.546616309Z")
    assert abs(datetime.fromisoformat(text) - datetime.now(UTC)) < timedelta(minutes=1)


def test_health_is_told_in_microseconds(books: Books) -> None:
    answer = books.call("healthcheck")
    assert answer["status"] == "ok"
    assert abs(answer["timestamp"] / 1e6 - datetime.now(UTC).timestamp()) < 60
