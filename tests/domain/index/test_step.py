"""What the vectors do not pin: memory of rates, edges of the breaker window, streaks, quarantine, resume."""

from dataclasses import replace

import pytest
from tests.domain.index.market import BASE_CENTS, USDT_VENUES, Market, dollars, rates_at, state_of

from twilight.domain.index.model import START
from twilight.domain.index.params import IndexParams


@pytest.fixture
def market() -> Market:
    started = Market()
    started.tick()
    return started


def test_a_rate_outlives_a_time_without_sources_and_then_moves_at_its_own_speed(market: Market) -> None:
    market.rates = []
    assert market.run(10_000).flags == ("CONV_UNAVAILABLE:USDT",)
    market.rates = rates_at(98_000_000)
    assert market.tick().rates["USDT"] == 99_973_000 - 99_973_000 * 10 * 10 // 10_000


def test_a_depeg_forgets_the_rate_so_the_next_one_is_taken_as_it_is(market: Market) -> None:
    market.rates = rates_at(94_500_000)
    market.tick()
    assert market.state.rates == {}
    market.rates = rates_at(96_000_000)
    assert market.tick().rates["USDT"] == 96_000_000


def test_a_rate_moves_at_most_once_a_second(market: Market) -> None:
    market.rates = rates_at(100_000_000)
    assert [market.tick().rates["USDT"] for _ in range(4)] == [99_973_000] * 3 + [100_000_000]


@pytest.mark.parametrize(("age_ms", "flags"), [(30_000, ()), (30_001, ("CONV_UNAVAILABLE:USDT",))])
def test_a_rate_source_counts_up_to_its_age_limit(market: Market, age_ms: int, flags: tuple[str, ...]) -> None:
    market.rates = [rate._replace(age_ms=age_ms) for rate in market.rates]
    assert market.tick().flags == flags


def test_no_flag_is_raised_for_a_currency_that_nobody_quotes(market: Market) -> None:
    market.rates = []
    market.drop(*USDT_VENUES)
    assert market.tick().flags == ()


@pytest.mark.parametrize(("after_ms", "status"), [(60_000, "HALTED"), (60_250, "HEALTHY")])
def test_the_breaker_remembers_a_price_for_exactly_its_window(after_ms: int, status: str) -> None:
    market = Market(params=replace(IndexParams(), step_bps=10_000))
    market.tick()
    market.drop()
    market.move(-1_001)
    assert market.tick(after_ms).status == status


def test_the_breaker_compares_with_every_price_of_its_window_not_only_the_last() -> None:
    market = Market(params=replace(IndexParams(), step_bps=10_000))
    for bps in (0, 600, 0, -300):
        market.move(bps)
        assert market.tick().status == "HEALTHY"
    market.move(-500)
    outcome = market.tick()
    assert (outcome.status, outcome.flags) == ("HALTED", ("BREAKER",))


def test_after_a_halt_the_old_prices_are_forgotten_and_the_first_is_taken_without_a_limit(
    market: Market,
) -> None:
    market.drop()
    market.quotes = dict.fromkeys(market.quotes)
    assert market.run(30_250).status == "HALTED"
    market.move(-5_000)
    outcome = market.run(5_250)
    assert (outcome.status, outcome.flags, dollars(outcome)) == ("HEALTHY", (), 30911.28)
    assert [accepted.price for accepted in market.state.market.highs] == [outcome.price]
    assert market.tick().status == "HEALTHY"


def test_a_break_in_full_while_halted_starts_the_wait_again(market: Market) -> None:
    market.quotes = dict.fromkeys(market.quotes)
    market.run(30_250)
    market.restore()
    market.run(4_000)
    market.drop("gemini", "bitfinex", "coinbase", "kraken", "okx")
    assert market.tick().status == "HALTED"
    market.restore()
    assert market.run(5_000).status == "HALTED"
    assert market.tick().status == "HEALTHY"


def test_the_operator_may_end_a_halt_early_but_only_with_full_backing(market: Market) -> None:
    market.quotes = dict.fromkeys(market.quotes)
    market.run(30_250)
    assert market.tick(resume=True).status == "HALTED"
    market.restore()
    assert market.tick().status == "HALTED"
    assert market.tick(resume=True).status == "HEALTHY"


def test_a_tick_that_is_not_limited_ends_the_limited_streak(market: Market) -> None:
    market.move(-220)
    statuses = [str(market.tick().status) for _ in range(5)]
    assert statuses == ["HEALTHY"] * 5
    assert market.state.market.limited_in_row == 0
    market.move(-420)
    assert [str(market.tick().status) for _ in range(4)] == ["HEALTHY"] * 4


def test_a_hold_ends_the_limited_streak(market: Market) -> None:
    market.move(-800)
    market.run(1_000)
    assert market.state.market.limited_in_row == 4
    quotes, market.quotes = market.quotes, dict.fromkeys(market.quotes)
    assert market.tick().status == "HOLD"
    market.quotes = quotes
    assert (market.tick().status, market.state.market.limited_in_row) == ("HEALTHY", 1)


def test_a_quarantined_source_that_is_not_ok_shows_why_and_restarts_its_wait(market: Market) -> None:
    market.move(300, "gemini")
    market.run(5_250)
    market.move(0, "gemini")
    market.run(29_750)
    market.drop("gemini")
    assert state_of(market.tick(), "gemini") == {"DOWN"}
    market.move(0, "gemini")
    assert state_of(market.run(30_250), "gemini") == {"QUARANTINED"}
    assert state_of(market.tick(), "gemini") == {"OK"}


def test_leaving_the_fifty_bps_restarts_the_wait(market: Market) -> None:
    market.move(300, "gemini")
    market.run(5_250)
    market.move(0, "gemini")
    market.run(20_000)
    market.move(60, "gemini")
    market.tick()
    market.move(0, "gemini")
    assert state_of(market.run(30_250), "gemini") == {"QUARANTINED"}
    assert state_of(market.tick(), "gemini") == {"OK"}


@pytest.mark.parametrize("interruption", ["inside", "down"])
def test_an_outlier_streak_ends_when_the_source_is_inside_or_not_ok(market: Market, interruption: str) -> None:
    market.move(300, "gemini")
    market.run(4_750)
    if interruption == "inside":
        market.move(0, "gemini")
    else:
        market.drop("gemini")
    market.tick()
    market.move(300, "gemini")
    assert state_of(market.run(5_000), "gemini") == {"OUTLIER"}
    assert state_of(market.tick(), "gemini") == {"QUARANTINED"}


def test_a_restart_begins_without_a_price_and_has_no_memory(market: Market) -> None:
    market.state = START
    market.quotes = dict.fromkeys(market.quotes)
    outcome = market.tick()
    assert (outcome.status, outcome.price, outcome.raw, outcome.dispersion_cbps) == (
        "STARTING",
        None,
        None,
        0,
    )


def test_two_sources_far_apart_reject_each_other_and_make_no_index(market: Market) -> None:
    market.quotes = dict.fromkeys(market.quotes)
    market.move(0, "kraken")
    market.move(5_000, "coinbase")
    outcome = market.tick()
    assert (outcome.raw, outcome.n, outcome.status) == (None, 0, "HOLD")
    assert state_of(outcome, "kraken", "coinbase") == {"OUTLIER"}


def test_when_all_have_quarantined_each_other_they_come_back_together_once_they_agree(market: Market) -> None:
    half = ("gemini", "bitfinex", "okx", "bybit")
    market.move(1_000, *half)
    market.run(5_500)
    assert state_of(market.run(40_000), *BASE_CENTS) == {"QUARANTINED"}
    market.restore()
    assert state_of(market.run(30_250), *BASE_CENTS) == {"QUARANTINED"}
    assert state_of(market.tick(), *BASE_CENTS) == {"OK"}
    assert market.run(5_000).status == "HEALTHY"


def test_the_quarantined_do_not_come_back_by_themselves_while_others_are_only_away(market: Market) -> None:
    market.move(1_000, "gemini", "bitfinex", "kraken")
    market.run(5_500)
    market.drop(*(set(BASE_CENTS) - {"gemini", "bitfinex", "kraken"}))
    assert state_of(market.run(60_000), "gemini", "bitfinex", "kraken") == {"QUARANTINED"}


def test_the_mode_median_publishes_the_weighted_median() -> None:
    outcome = Market(params=replace(IndexParams(), mode="median")).tick()
    assert outcome.raw == outcome.median == 6_182_172_684_300


def test_the_dispersion_of_the_base_market_is_27_hundredths_of_a_basis_point(market: Market) -> None:
    assert market.tick().dispersion_cbps == 27
