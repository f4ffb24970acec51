import pytest

from twilight.domain.index.model import ConversionQuote, Quote
from twilight.feeder.lag import LagWindow
from twilight.feeder.quotes import Product, VenueBook
from twilight.feeder.venues import TopOfBook

WALL_MS = 1_723_161_254_000


def quote(
    bid: int = 100, *, at_ms: int | None = None, number: int | None = None, restarts: bool = False, symbol: str = "BTC"
) -> TopOfBook:
    return TopOfBook(symbol, bid, bid + 1, None, None, None if at_ms is None else at_ms * 1_000, number, restarts)


def offered(product: Product, *quotes: TopOfBook, now_ms: int = 0) -> list[bool]:
    return [product.offer(each, now_ms, WALL_MS + now_ms) for each in quotes]


def test_a_quote_with_an_older_exchange_time_is_dropped_and_an_equal_one_is_not() -> None:
    product = Product()
    assert offered(product, quote(1, at_ms=WALL_MS), quote(2, at_ms=WALL_MS - 1), quote(3, at_ms=WALL_MS)) == [
        True,
        False,
        True,
    ]
    assert (product.quote, product.dropped) == (quote(3, at_ms=WALL_MS), 1)


def test_a_quote_with_a_smaller_update_id_is_dropped() -> None:
    product = Product()
    assert offered(product, quote(1, number=7), quote(2, number=6), quote(3, number=7)) == [True, False, True]


def test_a_venue_that_says_its_ids_restart_is_believed() -> None:
    product = Product()
    assert offered(product, quote(1, number=700), quote(2, number=1, restarts=True), quote(3, number=2)) == [True] * 3


def test_ids_and_times_are_forgotten_with_the_connection() -> None:
    product = Product()
    offered(product, quote(1, number=700, at_ms=WALL_MS))
    product.reconnected()
    assert offered(product, quote(2, number=3, at_ms=WALL_MS - 9_000)) == [True]


def test_five_smaller_ids_in_a_row_are_a_new_numbering() -> None:
    product = Product()
    offered(product, quote(1, number=700))
    assert offered(product, *(quote(number, number=number) for number in range(2, 9))) == [False] * 4 + [True] * 3


def test_a_newer_one_in_between_starts_the_count_again() -> None:
    product = Product()
    offered(product, quote(1, number=700))
    old = [quote(2, number=number) for number in range(1, 5)]
    assert offered(product, *old, quote(3, number=701), *old) == [False] * 4 + [True] + [False] * 4


@pytest.mark.parametrize("ahead_ms", [600_001, 10**12])
def test_an_exchange_time_more_than_ten_minutes_away_counts_as_none(ahead_ms: int) -> None:
    product = Product()
    assert (
        offered(product, quote(1, at_ms=WALL_MS + ahead_ms), quote(2, at_ms=WALL_MS), quote(3, at_ms=WALL_MS))
        == [True] * 3
    )
    assert product.lag_ms == 0


def test_one_frame_from_nine_minutes_ahead_cannot_silence_a_venue() -> None:
    product = Product()
    for second in range(10):
        offered(product, quote(1, at_ms=WALL_MS + second * 1_000), now_ms=second * 1_000)
    offered(product, quote(2, at_ms=WALL_MS + 540_000), now_ms=10_000)
    after = [quote(3, at_ms=WALL_MS + 10_000 + number) for number in range(6)]
    assert offered(product, *after, now_ms=11_000) == [False] * 4 + [True] * 2
    assert product.lag_ms < 2_000


def test_a_replay_of_old_frames_is_taken_as_a_new_numbering_but_seen_to_lag() -> None:
    product = Product()
    for second in range(30):
        offered(product, quote(1, at_ms=WALL_MS + second * 1_000), now_ms=second * 1_000)
    old = [quote(2, at_ms=WALL_MS + 5_000 + number) for number in range(6)]
    offered(product, *old, now_ms=30_000)
    assert product.age_ms(30_000) > 20_000


def test_only_changes_of_the_delay_count_as_lag_so_a_wrong_clock_does_no_harm() -> None:
    product = Product()
    lags = []
    for second, delay_ms in ((0, -1_250), (1, -1_250), (2, -1_200), (3, -1_250), (33, 25_750)):
        offered(product, quote(at_ms=WALL_MS + second * 1_000 - delay_ms), now_ms=second * 1_000)
        lags.append(product.lag_ms)
    assert lags == [0, 0, 50, 0, 27_000]


def test_a_quote_without_exchange_time_has_no_lag() -> None:
    product = Product()
    offered(product, quote(at_ms=WALL_MS - 500))
    offered(product, quote(), now_ms=9_000)
    assert (product.lag_ms, product.age_ms(9_500)) == (0, 500)


def test_the_smallest_delay_is_remembered_for_ten_minutes() -> None:
    window = LagWindow()
    assert window.lag_ms(0, 100) == 0
    assert window.lag_ms(600_000, 400) == 300
    assert window.lag_ms(601_000, 400) == 0


def test_the_memory_of_delays_is_bounded() -> None:
    window = LagWindow()
    for ms in range(0, 2_000_000, 100):
        window.lag_ms(ms, ms)
    assert len(window._older) <= 601


@pytest.fixture
def book() -> VenueBook:
    made = VenueBook("USD", "BTC", {"USDT": "TETHER"})
    made.connected(1_000)
    return made


def test_a_venue_is_down_until_it_quotes_on_this_connection(book: VenueBook) -> None:
    assert book.index_quote(1_000) is None
    book.offer([quote(100)], 1_100, WALL_MS)
    assert book.index_quote(1_400) == Quote("USD", 100, 101, 300, 400)
    book.disconnected()
    assert book.index_quote(1_500) is None
    book.connected(1_600)
    assert book.index_quote(1_700) is None


def test_any_frame_keeps_the_link_young_but_only_a_quote_the_quote(book: VenueBook) -> None:
    book.offer([quote(100)], 1_000, WALL_MS)
    book.heard(5_900)
    assert book.index_quote(6_000) == Quote("USD", 100, 101, 5_000, 100)


def test_a_paused_venue_is_down_and_prices_no_currency(book: VenueBook) -> None:
    book.offer([quote(100), quote(99, symbol="TETHER")], 1_000, WALL_MS)
    book.paused = True
    assert book.index_quote(1_000) is None
    assert book.conversion_quote("kraken", "USDT", 1_000) is None


def test_conversion_quotes_live_on_after_the_link_and_grow_old(book: VenueBook) -> None:
    assert book.conversion_quote("kraken", "USDT", 1_000) is None
    book.offer([quote(99, symbol="TETHER"), quote(1, symbol="OTHER")], 1_000, WALL_MS)
    book.disconnected()
    assert book.conversion_quote("kraken", "USDT", 3_000) == ConversionQuote("kraken", 99, 100, 2_000)
    assert book.conversion_quote("kraken", "EUR", 3_000) is None
    assert book.index_quote(1_000) is None
