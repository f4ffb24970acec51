"""Section 2 of the engine specification: every vector of its tables."""

from fractions import Fraction
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilight.domain.model import formulas as f
from twilight.domain.model.numbers import display, is_whole, round_half_away, score, truncate_i64, unsigned
from twilight.domain.model.orders import Side

LONG, SHORT = Side.LONG, Side.SHORT
MARKET, LIMIT, MM = 0.04, 0.02, 0.4
REFERENCE = (False, False, False)

POSITIONS = [
    # side, margin, leverage, entry, fee, B, W, K, Q
    (LONG, 100_000, 10, 65_000, MARKET, 59_090.909091, 1_100_000, 4_440, 59_330.388112),
    (SHORT, 100_000, 10, 65_000, MARKET, 72_222.222222, 900_000, 4_360, 71_874.032465),
    (LONG, 100_000, 50, 65_000, MARKET, 63_725.490196, 5_100_000, 22_040, 64_002.079575),
    (SHORT, 100_000, 50, 65_000, MARKET, 66_326.530612, 4_900_000, 21_960, 66_030.605694),
    (LONG, 100_000, 1, 65_000, MARKET, 32_500, 200_000, 480, 32_578.187650),
    (SHORT, 100_000, 1, 65_000, MARKET, 0, 0, 400, 16_250_000),
    (SHORT, 250_000, 3, 71_234, MARKET, 106_851, 500_000, 3_200, 106_171.502385),
    (LONG, 100_000, 10, 64_000, LIMIT, 58_181.818182, 1_100_000, 4_220, 58_405.884393),
]


@pytest.mark.parametrize(("side", "margin", "leverage", "entry", "fee", "b", "w", "k", "q"), POSITIONS)
def test_a_positions_figures_are_those_of_the_specification(  # noqa: PLR0913, PLR0917  # a table's columns
    side: Side, margin: int, leverage: int, entry: int, fee: float, b: float, w: float, k: float, q: float
) -> None:
    value = f.entry_value(margin, leverage)
    size = f.position_size(value, entry)
    bankruptcy = f.bankruptcy_price(entry, leverage, side)
    worth = f.bankruptcy_value(size, bankruptcy)
    maintenance = f.maintenance_margin(value, worth, fee, 0.0, MM)
    liquidation = f.liquidation_price(entry, size, maintenance, margin, side)
    found = (bankruptcy, worth, maintenance, liquidation)
    assert found == pytest.approx((b, w, k, q), abs=5e-7)


def test_a_short_below_leverage_one_never_reaches_a_liquidation_price() -> None:
    value = f.entry_value(100_000, 0.5)
    size = f.position_size(value, 65_000)
    assert f.liquidation_price(65_000, size, 200.0, 100_000, SHORT) == 0.0


def test_a_liquidation_price_beyond_every_number_is_none() -> None:  # R27
    assert f.liquidation_price(1e200, 1e200, 0.0, 0.0, LONG) == 0.0


def test_a_position_without_entry_or_size_has_no_liquidation_price() -> None:
    assert f.liquidation_price(0.0, 1.0, 1.0, 2.0, LONG) == 0.0
    assert f.liquidation_price(1.0, 0.0, 1.0, 2.0, LONG) == 0.0


def test_equity_exactly_at_the_margin_divides_by_nothing() -> None:
    assert f.liquidation_price(1.0, 1.0, 2.0, 1.0, LONG) == 0.0


@pytest.mark.parametrize(
    ("pct", "price", "fee"),
    [(MARKET, 65_000, 400.0), (LIMIT, 65_000, 200.0), (MARKET, 66_000, 393.93939393939394), (MARKET, 64_000, 406.25)],
)
def test_fees_are_those_of_the_specification(pct: float, price: float, fee: float) -> None:
    assert f.fee(pct, 65_000_000_000.0, price) == fee


def test_a_fee_is_at_least_one_sat() -> None:
    assert f.fee(MARKET, 65_000.0, 65_000.0) == 1.0


@pytest.mark.parametrize(
    ("side", "price", "pnl"),
    [
        (LONG, 66_000, 15_151.515152),
        (SHORT, 66_000, -15_151.515152),
        (LONG, 64_000, -15_625),
        (SHORT, 64_000, 15_625),
    ],
)
def test_unrealised_profit_is_that_of_the_specification(side: Side, price: float, pnl: float) -> None:
    assert f.unrealized_pnl(65_000_000_000.0, 65_000, price, side) == pytest.approx(pnl, abs=5e-7)


def test_without_prices_there_is_no_profit() -> None:
    assert f.unrealized_pnl(1.0, 0, 1, LONG) == f.unrealized_pnl(1.0, 1, 0, LONG) == 0.0


SETTLEMENTS = [
    # side, price, fee percent, payment, payout, what the pool loses
    (LONG, 66_000, MARKET, 14_358.060606, 114_358, 14_358),
    (LONG, 66_000, LIMIT, 14_555.030303, 114_555, 14_555),
    (LONG, 64_000, MARKET, -16_431.25, 83_569, -16_431),
    (SHORT, 66_000, MARKET, -15_945.939394, 84_054, -15_946),
    (SHORT, 64_000, MARKET, 14_818.75, 114_819, 14_819),
    (LONG, 55_000, MARKET, -182_690.727273, -82_691, -182_691),
]


def settle(side: Side, price: float, pct: float, caps: tuple[bool, bool, bool], pool: int = 2**40) -> f.Settlement:
    size = 65_000_000_000.0
    pnl = f.unrealized_pnl(size, 65_000, price, side)
    return f.settlement(pnl, 100_000, 99_600, f.fee(pct, size, price), f.Caps(*caps, pool))


@pytest.mark.parametrize(("side", "price", "pct", "payment", "payout", "pool"), SETTLEMENTS)
def test_the_reference_settles_as_the_specification_says(  # a table's columns
    side: Side, price: float, pct: float, payment: float, payout: int, pool: int
) -> None:
    paid = settle(side, price, pct, REFERENCE)
    assert paid.payment_sats == pytest.approx(payment, abs=5e-7)
    assert (paid.payout_sats, paid.pool_pays_sats) == (payout, pool)


def test_a_capped_loss_takes_exactly_the_margin() -> None:
    paid = settle(LONG, 55_000, MARKET, (True, True, True))
    assert (paid.payment_sats, paid.payout_sats, paid.shortfall_sats) == (-100_000.0, 0, 0)


def test_a_capped_win_takes_what_the_pool_has_and_reports_the_rest() -> None:
    paid = settle(LONG, 66_000, MARKET, (True, True, True), pool=10_000)
    assert (paid.payment_sats, paid.payout_sats, paid.shortfall_sats) == (10_000.0, 110_000, 4_358)


def test_at_a_negative_half_the_reference_loses_a_sat_and_a_whole_payment_does_not() -> None:
    fractional = f.settlement(0.0, 100.0, 100.0, 0.5, f.Caps(*REFERENCE, 1_000))
    whole = f.settlement(0.0, 100.0, 100.0, 0.5, f.Caps(True, True, True, 1_000))
    assert (fractional.payout_sats, fractional.pool_pays_sats) == (100, -1)
    assert (whole.payout_sats, whole.pool_pays_sats) == (99, -1)


@pytest.mark.parametrize(
    ("long", "short", "rate"),
    [
        (1.95e11, 6.5e10, 0.03125),
        (6.5e10, 1.95e11, -0.03125),
        (0.0, 0.0, 0.0),
        (5.0, 5.0, 0.0),
        (7.0, 0.0, 0.125),
        (0.0, 7.0, -0.125),
    ],
)
def test_the_funding_rate_is_that_of_the_specification(long: float, short: float, rate: float) -> None:
    found = f.funding_rate(long, short, long + short)
    assert (found, str(found)[0] == "-") == (rate, rate < 0)


def test_a_funding_payment_is_that_of_the_specification() -> None:
    assert f.funding_payment(0.03125, 6.5e10, 66_000) == pytest.approx(307.765152, abs=5e-7)


@given(st.floats(-0.125, 0.125), st.integers(1, 10**7))
def test_the_funding_index_steps_by_the_exact_rate_rounded_half_away(rate: float, price: int) -> None:
    exact = Fraction(rate) * 2**96 / (100 * price)
    assert abs(f.funding_index_step(rate, price) - exact) <= Fraction(1, 2)
    assert f.funding_index_step(-rate, price) == -f.funding_index_step(rate, price)


@given(
    st.integers(1, 10**8),
    st.integers(2, 50),
    st.integers(1_000, 10**6),
    st.sampled_from(list(Side)),
)
def test_equity_is_nothing_at_bankruptcy_and_the_maintenance_margin_at_liquidation(
    margin: int, leverage: int, entry: int, side: Side
) -> None:
    value = f.entry_value(margin, leverage)
    size = f.position_size(value, entry)
    bankruptcy = f.bankruptcy_price(entry, leverage, side)
    maintenance = f.maintenance_margin(value, f.bankruptcy_value(size, bankruptcy), MARKET, 0.0, MM)
    liquidation = f.liquidation_price(entry, size, maintenance, margin, side)
    assert margin + f.unrealized_pnl(size, entry, bankruptcy, side) == pytest.approx(0, abs=1e-9 * value)
    assert margin + f.unrealized_pnl(size, entry, liquidation, side) == pytest.approx(maintenance, abs=1e-9 * value)


@given(st.integers(1, 10**12), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 1_000))
def test_a_long_wins_what_a_short_loses_and_more_the_higher_the_price(
    size: int, entry: int, price: int, rise: int
) -> None:
    won = f.unrealized_pnl(size, entry, price, LONG)
    assert won == -f.unrealized_pnl(size, entry, price, SHORT)
    assert f.unrealized_pnl(size, entry, price + rise, LONG) > won
    assert (won > 0) == (price > entry)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(2.5, 3), (-2.5, -3), (0.5, 1), (-0.5, -1), (0.49999999999999994, 0), (1e300, int(1e300)), (-0.0, 0)],
)
def test_halves_are_rounded_away_from_zero(value: float, rounded: int) -> None:
    assert round_half_away(value) == rounded


def test_a_score_is_the_price_in_tenths_of_a_thousandth_truncated() -> None:
    assert score(65000.123456) == 650001234
    assert score(59330.388112015775) == 593303881
    assert score(82037.09191457384) == 820370919


def test_truncation_saturates_and_gives_nothing_for_no_number() -> None:
    assert [truncate_i64(value) for value in (nan, inf, -inf, -1.9, 1e19)] == [0, 2**63 - 1, -(2**63), -1, 2**63 - 1]
    assert [unsigned(value) for value in (-1, 5, 2**70)] == [0, 5, 2**64 - 1]
    assert [is_whole(value) for value in (nan, inf, 1.5, -3.0)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (65_000.0, "65000"),
        (0.02, "0.02"),
        (-2.604166666666667e-07, "-0.0000002604166666666667"),
        (1e22, "10000000000000000000000"),
        (0.0, "0"),
        (1.5e-5, "0.000015"),
        (1.2345e20, "123450000000000000000"),
    ],
)
def test_numbers_in_metadata_have_neither_exponent_nor_trailing_zero(value: float, text: str) -> None:
    assert display(value) == text
    assert float(text) == value
