"""Numbers and times as text."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilight.wire.errors import Unencodable
from twilight.wire.numbers import display_f64, json_f64, with_plus, without_plus
from twilight.wire.times import rfc3339, rfc3339_from_ms, time_ns


@given(st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]))
def test_every_finite_double_is_read_back_from_both_texts(number: float) -> None:
    if not math.isfinite(number):
        return
    assert struct.pack("<d", float(json_f64(number))) == struct.pack("<d", number)
    assert float(display_f64(number)) == number
    assert "e" not in display_f64(number)
    assert "." in json_f64(number) or "e" in json_f64(number)


@pytest.mark.parametrize(
    ("number", "text", "shown"),
    [
        (65000.0, "65000.0", "65000"),
        (-0.0, "-0.0", "-0"),
        (1e16, "1e+16", "10000000000000000"),
        (9999999999999998.0, "9999999999999998.0", "9999999999999998"),
        (1e-5, "0.00001", "0.00001"),
        (9.999e-6, "9.999e-6", "0.000009999"),
        (-2.604166666666667e-7, "-2.604166666666667e-7", "-0.0000002604166666666667"),
    ],
)
def test_numbers_are_laid_out_as_serde_and_as_display_do(number: float, text: str, shown: str) -> None:
    assert (text, shown) == (json_f64(number), display_f64(number))


def test_numbers_that_are_not_finite_have_a_display_and_no_json() -> None:
    assert [display_f64(x) for x in (math.nan, math.inf, -math.inf)] == ["NaN", "inf", "-inf"]
    with pytest.raises(Unencodable):
        json_f64(math.nan)


def test_the_dialects_differ_outside_strings_only() -> None:
    older, newer = b'[1e16,"1e16 \\"1e16",-2.5e300,1e-7]', b'[1e+16,"1e16 \\"1e16",-2.5e+300,1e-7]'
    assert newer == with_plus(older)
    assert older == without_plus(newer)
    assert without_plus(b'"1e+16"') == b'"1e+16"'


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00+00:00"),
        (1_775_808_001_234_567_891, "2026-04-10T08:00:01.234567891+00:00"),
        (1_775_808_000_250_000_000, "2026-04-10T08:00:00.250+00:00"),
        (1_775_808_000_000_777_000, "2026-04-10T08:00:00.000777+00:00"),
        (-1, "1969-12-31T23:59:59.999999999+00:00"),
        (-62_135_596_800_000_000_000, "0001-01-01T00:00:00+00:00"),
        (-62_135_596_799_750_000_000, "0001-01-01T00:00:00.250+00:00"),
    ],
)
def test_a_time_has_the_fewest_digits_that_lose_nothing(moment: int, text: str) -> None:
    assert text == rfc3339(moment)
    assert moment == time_ns(text)


def test_a_year_without_four_digits_is_refused() -> None:
    with pytest.raises(OverflowError):
        rfc3339(253_402_300_800_000_000_000)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-04-10T08:03:21Z", 1_775_808_201_000_000_000),
        ("2026-04-10 10:03:21.5+02:00", 1_775_808_201_500_000_000),
        ("2026-04-10T08:03:21.1234567899Z", 1_775_808_201_123_456_789),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("1775808061900000", 1_775_808_061_900_000_000),
    ],
)
def test_times_in_other_spellings_are_read(text: str, moment: int) -> None:
    assert moment == time_ns(text)


@pytest.mark.parametrize(
    "text", ["", "now", "2026-04-10", "2026-13-10T08:00:00Z", "2026-04-10T08:00:00", "1" * 19, "٣"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are Python's own
        time_ns(text)


def test_a_brokers_timestamp_is_milliseconds() -> None:
    assert rfc3339_from_ms(1_775_808_201_250) == "2026-04-10T08:03:21.250+00:00"
