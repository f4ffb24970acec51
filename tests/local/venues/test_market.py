from itertools import islice, takewhile

import pytest
from tests.local.venues.listener import Listener

from twilight.local.venues.floor import Floor
from twilight.local.venues.market import STALLS, Still, Tick, Walk
from twilight.local.venues.model import E8


def first_minute(seed: int) -> list[Tick]:
    return list(takewhile(lambda tick: tick.t_us < 60_000_000, Walk(seed)))


def test_the_same_seed_gives_the_same_market() -> None:
    assert list(islice(Walk(7), 500)) == list(islice(Walk(7), 500))
    assert list(islice(Walk(7), 500)) != list(islice(Walk(8), 500))


def test_ticks_come_in_order_and_never_cross() -> None:
    ticks = first_minute(1)
    assert [tick.t_us for tick in ticks] == sorted(tick.t_us for tick in ticks)
    assert all(0 < tick.bid_e8 < tick.ask_e8 for tick in ticks)


def test_every_venue_quotes_about_as_often_as_its_stall_says() -> None:
    ticks = first_minute(1)
    for stall in STALLS:
        count = sum((tick.venue, tick.product) == (stall.venue, stall.product) for tick in ticks)
        assert stall.per_s * 60 * 0.5 < count < stall.per_s * 60 * 1.7


def test_prices_stand_on_the_venues_own_grid() -> None:
    grid = {(stall.venue, stall.product): stall.tick_e8 for stall in STALLS}
    for tick in islice(Walk(3), 1_000):
        assert tick.bid_e8 % grid[tick.venue, tick.product] == 0


def test_the_walk_goes_on_from_a_kept_price() -> None:
    walk = Walk(1, price_e8=50_000 * E8)
    list(islice(walk, 100))
    assert walk.price_e8 == pytest.approx(50_000 * E8, rel=0.01)


def test_a_still_market_repeats_its_quotes() -> None:
    still = Still({("kraken", "BTC"): (E8, 2 * E8)}, every_us=1_000)
    assert [tick.t_us for tick in islice(still, 3)] == [0, 1_000, 2_000]


def test_ten_minutes_of_the_walk_are_healthy_all_the_time() -> None:
    listener = Listener(Floor(Walk(1), wall_us=1_700_000_000_000_000))
    listener.run(5)
    seen = {(str(listener.run(5 + second).status), listener.run(5 + second).n) for second in range(600)}
    assert {status for status, _ in seen} == {"HEALTHY"}
    assert min(n for _, n in seen) >= 7
