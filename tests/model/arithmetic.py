"""Rounding, scores, times and number texts, as section 0 of the engine specification defines them.

Everything here is exact (`fractions.Fraction`) unless it says that it is a double on purpose.
"""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import floor

I64_MAX = 2**63 - 1


def rounded(value: float | Fraction) -> int:
    """Return ``R(x)``: the nearest whole number, halves away from zero."""
    exact = Fraction(value)
    size = floor(abs(exact) + Fraction(1, 2))
    return size if exact >= 0 else -size


def score(price: float) -> int:
    """Return the integer under which a price stands in a trigger set: four decimals, truncated, saturating."""
    scaled = price * 10000
    if not -I64_MAX - 1 <= scaled <= I64_MAX:
        return I64_MAX if scaled > 0 else -I64_MAX - 1
    return int(scaled)


def shown(value: float) -> str:
    """Return a number as metadata shows it: no exponent, no ``.0`` on whole numbers."""
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@lru_cache(1024)
def iso(now_ms: int) -> str:
    """Return the time as RFC 3339 with the fewest of 0 or 3 digits that lose nothing."""
    moment = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    part = now_ms % 1000
    return f"{moment}.{part:03}+00:00" if part else f"{moment}+00:00"


def milliseconds(text: str) -> int:
    """Return an RFC 3339 time as milliseconds since the epoch."""
    moment = datetime.fromisoformat(text)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
