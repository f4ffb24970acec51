"""Every row of the fault table (price feed specification 13) that the index decides, with its number.

The rows about connections, signatures and restarts are in `tests/feeder/test_faults.py`.
"""

import pytest
from tests.domain.index.market import (
    BASE_CENTS,
    USD_VENUES,
    USDT_VENUES,
    Market,
    base_quote,
    base_rate,
    dollars,
    moved,
    rates_at,
    state_of,
)

from twilight.domain.index.model import Quote


@pytest.fixture
def market() -> Market:
    started = Market()
    assert dollars(started.tick()) == 61822.57
    return started


@pytest.mark.parametrize(("name", "bps", "price"), [("bitfinex", 1_000, 61821.54), ("okx", -9_000, 61822.90)])
def test_one_venue_far_away_is_an_outlier_and_quarantined_after_five_seconds(
    market: Market, name: str, bps: int, price: float
) -> None:
    market.move(bps, name)
    outcome = market.tick()
    assert (dollars(outcome), outcome.n, outcome.status) == (price, 7, "HEALTHY")
    assert state_of(outcome, name) == {"OUTLIER"}
    assert state_of(market.run(4_750), name) == {"OUTLIER"}
    assert state_of(market.tick(), name) == {"QUARANTINED"}


def test_two_venues_two_percent_up_are_both_outliers(market: Market) -> None:
    market.move(200, "gemini", "bitfinex")
    outcome = market.tick()
    assert (dollars(outcome), outcome.n) == (61821.11, 6)
    assert state_of(outcome, "gemini", "bitfinex") == {"OUTLIER"}


def test_three_venues_forty_bps_up_in_concert_are_clamped(market: Market) -> None:
    market.move(40, "bitstamp", "gemini", "bitfinex")
    outcome = market.tick()
    assert dollars(outcome) == 61844.85
    assert state_of(outcome, "bitstamp", "gemini", "bitfinex") == {"CLAMPED"}


def test_all_three_usdt_venues_sixty_bps_up_are_clamped(market: Market) -> None:
    market.move(60, *USDT_VENUES)
    outcome = market.tick()
    assert dollars(outcome) == 61848.06
    assert state_of(outcome, *USDT_VENUES) == {"CLAMPED"}


def test_five_venues_one_percent_up_move_the_price_at_most_fifty_bps_a_tick(market: Market) -> None:
    market.move(100, *USD_VENUES)
    first, second = market.tick(), market.tick()
    assert (dollars(first), first.flags) == (62131.68, ("STEP_LIMITED",))
    assert dollars(second) == 62417.31


def test_a_slowly_drifting_venue_is_clamped_then_an_outlier_then_quarantined(market: Market) -> None:
    seen: list[str] = []
    for tick in range(1, 61):
        market.move(5 * tick, "kraken")
        outcome = market.tick()
        seen += state_of(outcome, "kraken")
        assert abs(dollars(outcome) - 61822.57) < 61822.57 * 1.4 / 10_000
    assert list(dict.fromkeys(seen)) == ["OK", "CLAMPED", "OUTLIER", "QUARANTINED"]
    assert seen.index("CLAMPED") == 1
    assert seen.index("OUTLIER") == 19


@pytest.mark.parametrize(
    ("quote_age_ms", "link_age_ms", "state"),
    [(5_000, 5_000, "OK"), (5_001, 60, "STALE"), (60, 5_001, "STALE")],
)
def test_a_frozen_quote_or_link_is_stale_after_five_seconds(
    market: Market, quote_age_ms: int, link_age_ms: int, state: str
) -> None:
    market.quotes["coinbase"] = base_quote("coinbase")._replace(quote_age_ms=quote_age_ms, link_age_ms=link_age_ms)
    assert state_of(market.tick(), "coinbase") == {state}


@pytest.mark.parametrize(
    ("bid", "ask"), [(6_182_300, 6_182_200), (6_182_200, 6_182_200), (0, 0), (0, 6_182_200), (-5, 6_182_200)]
)
def test_crossed_locked_zero_and_negative_quotes_are_never_a_price(market: Market, bid: int, ask: int) -> None:
    market.quotes["okx"] = Quote("USDT", bid * 10**6, ask * 10**6, 0, 0)
    outcome = market.tick()
    assert state_of(outcome, "okx") == {"BAD_QUOTE"}
    assert (dollars(outcome), outcome.n) == (61822.90, 7)


def test_a_sliding_usdt_moves_nothing_when_usdt_quotes_rise_with_it(market: Market) -> None:
    for second in range(1, 37):
        rate = 10_000 - 300 * second // 36
        market.run(750)
        market.rates = [
            base_rate(name)._replace(bid=bid * rate // 10_000, ask=ask * rate // 10_000)
            for name, bid, ask, _ in map(base_rate, ("kraken", "coinbase", "bitstamp"))
        ]
        for name in USDT_VENUES:
            quote = base_quote(name)
            bid, ask = quote.bid * 10_000 // rate, quote.ask * 10_000 // rate
            market.quotes[name] = quote._replace(bid=bid, ask=ask)
        outcome = market.tick()
        assert abs(dollars(outcome) - 61822.57) < 0.02
        assert outcome.status == "HEALTHY"
    assert outcome.rates["USDT"] == 96_973_810


def test_usdt_at_0945_leaves_the_usd_venues_alone(market: Market) -> None:
    market.rates = rates_at(94_500_000)
    outcome = market.tick()
    assert (dollars(outcome), outcome.flags, outcome.n) == (61823.57, ("QUOTE_DEPEG:USDT",), 5)


def test_one_rate_source_four_percent_up_changes_a_tenth_of_a_basis_point(market: Market) -> None:
    market.rates[0] = market.rates[0]._replace(bid=103_999_000, ask=104_001_000)
    outcome = market.run(2_000)
    assert abs(dollars(outcome) / 61822.57 - 1) * 10_000 <= 0.15
    assert outcome.status == "HEALTHY"


@pytest.mark.parametrize(
    ("rates", "flag"),
    [
        ([base_rate("kraken")], "CONV_UNAVAILABLE:USDT"),
        (
            [base_rate("kraken"), base_rate("coinbase")._replace(bid=100_571_000, ask=100_573_000)],
            "CONV_DISAGREE:USDT",
        ),
    ],
)
def test_one_rate_source_or_two_that_disagree_give_no_rate(rates: list[object], flag: str) -> None:
    market = Market(rates=rates)  # type: ignore[arg-type] - a parametrised list
    outcome = market.tick()
    assert (dollars(outcome), outcome.flags, outcome.status) == (61823.57, (flag,), "HEALTHY")
    assert state_of(outcome, *USDT_VENUES) == {"NO_RATE"}


def test_three_sources_left_are_degraded(market: Market) -> None:
    market.drop("gemini", "bitfinex", *USDT_VENUES)
    outcome = market.tick()
    assert (outcome.status, outcome.n, dollars(outcome)) == ("DEGRADED", 3, 61821.25)


@pytest.mark.parametrize("gone", [tuple(set(BASE_CENTS) - {"coinbase", "kraken"}), USD_VENUES])
def test_two_left_or_only_usdt_left_hold_then_halt_then_recover(market: Market, gone: tuple[str, ...]) -> None:
    market.drop(*gone)
    assert (market.tick().status, dollars(market.tick())) == ("HOLD", 61822.57)
    assert market.run(29_500).status == "HOLD"
    assert market.tick().status == "HALTED"
    market.restore()
    assert market.run(5_000).status == "HALTED"
    assert market.tick().status == "HEALTHY"


def test_four_venues_one_percent_above_the_other_four_are_dispersed(market: Market) -> None:
    market.state = Market().state
    market.move(100, "gemini", "bitfinex", "okx", "bybit")
    outcome = market.tick()
    assert (outcome.status, outcome.flags, dollars(outcome)) == ("DEGRADED", ("DISPERSED",), 62130.65)


def test_a_true_gap_of_eight_percent_is_followed_fifty_bps_a_tick(market: Market) -> None:
    market.move(-800)
    statuses = []
    while "STEP_LIMITED" in (outcome := market.tick()).flags:
        statuses.append(str(outcome.status))
    assert statuses == ["HEALTHY"] * 4 + ["DEGRADED"] * 12
    assert (dollars(outcome), outcome.status) == (56876.76, "HEALTHY")


def test_twelve_percent_down_within_thirty_seconds_breaks_the_circuit(market: Market) -> None:
    halted_at = None
    for tick in range(1, 121):
        market.move(-10 * tick)
        outcome = market.tick()
        if halted_at is None and outcome.status == "HALTED":
            halted_at = tick * 10
            assert outcome.flags == ("BREAKER",)
    assert halted_at == 1_000
    assert dollars(outcome) == 55702.14


def test_after_a_pause_of_two_seconds_the_step_limit_counts_the_missed_ticks(market: Market) -> None:
    market.move(-300)
    outcome = market.tick(2_000)
    assert (dollars(outcome), outcome.flags) == (59967.89, ())


@pytest.mark.parametrize(("liars", "bound_bps"), [(1, 1.4), (2, 2.8), (3, 4.2)])
def test_so_many_lying_venues_move_the_index_at_most_so_far(liars: int, bound_bps: float) -> None:
    for start in range(8):
        names = [list(BASE_CENTS)[(start + step) % 8] for step in range(liars)]
        for bps in (-9_000, -150, -99, -60, -20, -11, 11, 20, 60, 99, 150, 10_000):
            market = Market()
            for name in names:
                market.quotes[name] = moved(base_quote(name), bps)
            raw = market.tick().raw
            assert raw is not None
            assert abs(raw / 6_182_256_956_850 - 1) * 10_000 <= bound_bps + 0.05
