"""Integer money: units of 1e-8, decimal text read exactly, rounding to cents.

Price feed specification 2.
"""

import re
from collections.abc import Sequence
from typing import Final

E8: Final = 100_000_000
BPS: Final = 10_000
CENT: Final = 1_000_000
DECIMALS: Final = 8
WHOLE_DIGITS_MAX: Final = 13
VALUE_MAX: Final = 10**12 * E8
TEXT_LENGTH_MAX: Final = 64
ZEROS: Final = "00000000"
_DECIMAL: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?", re.ASCII)


class DecimalTextError(ValueError):
    """The text is not ``digits[.digits][exponent]``, or its value is above 1e12."""


def parse_e8(text: str) -> int:
    """Return decimal text in units of 1e-8; further decimals are truncated.

    Signs, NaN, infinities, spaces and values above 1e12 raise DecimalTextError: a price has none of them.
    """
    whole, point, fraction = text.partition(".")
    missing = DECIMALS - len(fraction)
    if missing >= 0 and len(whole) <= WHOLE_DIGITS_MAX and whole and (fraction or not point):
        digits = whole + fraction
        if digits.isdecimal() and digits.isascii():
            return _bounded(int(digits + ZEROS[:missing]), text)
    return _parse_rare(text)


def _parse_rare(text: str) -> int:
    """Read exponents, more than eight decimals and leading zeros; refuse the rest."""
    match = _DECIMAL.fullmatch(text) if len(text) <= TEXT_LENGTH_MAX else None
    if match is None:
        raise DecimalTextError(f"expected digits[.digits], found {text[:TEXT_LENGTH_MAX]!r}")
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or "0")
    shift = DECIMALS - len(fraction) + exponent
    mantissa = int(whole + fraction)
    if mantissa == 0 or shift < -TEXT_LENGTH_MAX:
        return 0
    if shift > TEXT_LENGTH_MAX:
        raise DecimalTextError(f"expected a value of at most 1e12, found {text!r}")
    return _bounded(mantissa * 10**shift if shift >= 0 else mantissa // 10**-shift, text)


def _bounded(value: int, text: str) -> int:
    if value > VALUE_MAX:
        raise DecimalTextError(f"expected a value of at most 1e12, found {text!r}")
    return value


def cents(value_e8: int) -> int:
    """Return the nearest whole cent, halves up."""
    return (value_e8 + CENT // 2) // CENT * CENT


def clamp(value: int, low: int, high: int) -> int:
    """Return the value, or the bound that it passed."""
    return low if value < low else min(value, high)


def median(ordered: Sequence[int]) -> int:
    """Return the median of a sorted, non-empty list; the floor average of the two middle ones if even."""
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) // 2
