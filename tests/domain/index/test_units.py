from contextlib import suppress
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilight.domain.index.units import DecimalTextError, cents, median, parse_e8


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("61822.57", 6_182_257_000_000),
        ("61822", 6_182_200_000_000),
        ("0.99948", 99_948_000),
        ("0", 0),
        ("0.00000000", 0),
        ("0.123456789", 12_345_678),
        ("0.999999999999", 99_999_999),
        ("2.271e-05", 2_271),
        ("1E3", 100_000_000_000),
        ("1e12", 10**20),
        ("1000000000000", 10**20),
        ("00000000000000000061822.57", 6_182_257_000_000),
        ("1e-300", 0),
        ("0e999", 0),
    ],
)
def test_decimal_text_is_read_exactly_and_truncated_after_eight_decimals(text: str, value: int) -> None:
    assert parse_e8(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "5.",
            ".5",
            "-1",
            "+1",
            "NaN",
            "nan",
            "Infinity",
            "inf",
            "1e13",
            "1e309",
            "1000000000000.1",
        ),
        *(
            "1 ",
            " 1",
            "1_000",
            "1,5",
            "0x10",
            "1e",
            "1.2.3",
            "٣",
            "²",
            "1.²",
            "9" * 5_000,
            "1." + "9" * 5_000,
        ),
        *("1e+", "true"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DecimalTextError, match="expected"):
        parse_e8(text)


@given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False, places=12))
def test_parsing_agrees_with_decimal_arithmetic(value: Decimal) -> None:
    with localcontext() as context:
        context.prec = 60
        expected = int(value * 10**8)
    assert parse_e8(format(value, "f")) == expected


@given(st.text(max_size=20))
def test_parsing_never_raises_anything_else(text: str) -> None:
    with suppress(DecimalTextError):
        assert parse_e8(text) >= 0


@pytest.mark.parametrize(("value", "rounded"), [(0, 0), (499_999, 0), (500_000, 1_000_000), (1_499_999, 1_000_000)])
def test_cents_round_halves_up(value: int, rounded: int) -> None:
    assert cents(value) == rounded


def test_an_even_median_is_the_floor_of_the_middle_two() -> None:
    assert (median([1]), median([1, 2]), median([1, 4, 9])) == (1, 1, 4)
