"""Rounding and scores, exactly as section 0 of the engine specification names them."""

from math import isnan, trunc

I64_MAX = 2**63 - 1
U64_MAX = 2**64 - 1
SCORE_PER_DOLLAR = 10_000
EXACT_FLOAT_MAX = 2**53


def round_half_away(value: float) -> int:
    """Return `R(x)`: the nearest whole number, halves away from zero. Neither `round()` nor `floor(x + 0.5)`."""
    whole = trunc(value)
    if abs(value - whole) >= 0.5:  # noqa: PLR2004  # a half; the difference is exact
        return whole + 1 if value > 0 else whole - 1
    return whole


def truncate_i64(value: float) -> int:
    """Return `T(x)`: towards zero, saturating at 64 bits; NaN gives 0."""
    if isnan(value):
        return 0
    if value >= I64_MAX:
        return I64_MAX
    return -I64_MAX - 1 if value <= -I64_MAX - 1 else trunc(value)


def unsigned(value: int) -> int:
    """Return `U(x)` of a whole number: negative gives 0, too large saturates. Only for amounts the chain is told."""
    return min(max(value, 0), U64_MAX)


def score(price: float) -> int:
    """Return the integer under which a price sits in a trigger set: 4 decimals, truncated."""
    return truncate_i64(price * SCORE_PER_DOLLAR)


def price_of_score(value: int) -> float:
    """Return the price that a score stands for: at most four decimals."""
    return value / SCORE_PER_DOLLAR


def is_whole(value: float) -> bool:
    """Return whether the number is finite and whole."""
    return value - value == 0.0 and value == trunc(value)


def display(value: float) -> str:
    """Return the number as metadata carries it: shortest digits, no exponent, no `.0` (wire 2.3)."""
    text = repr(value)
    if "e" in text:
        text = f"{value:.{_decimals(text)}f}"
    return text.removesuffix(".0")


def _decimals(text: str) -> int:
    mantissa, _, exponent = text.partition("e")
    digits = len(mantissa.partition(".")[2])
    return max(0, digits - int(exponent))
