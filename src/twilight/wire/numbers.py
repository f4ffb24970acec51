"""Text of f64 numbers: the JSON form and Rust's plain Display (wire.md 2.2, 2.3)."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

import msgspec

from twilight.wire.errors import Unencodable

# From here on a number is written with an exponent, and the two dialects of serde_json differ.
EXPONENT_FROM: Final = 1e16

_STRING_OR_EXPONENT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|(?<=\d)e(?=\d)')
_STRING_OR_PLUS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|(?<=\de)\+')


def json_f64(value: float) -> str:
    """Return the JSON text of a double, as serde_json 1.0.147 and later write it (``1e+16``).

    Raises:
        Unencodable: the value is NaN or infinite; as ``null`` no Rust service could read it back.
    """
    if not math.isfinite(value):
        raise Unencodable(f"expected a finite number, was {value}")
    return with_plus(msgspec.json.encode(float(value))).decode()


def display_f64(value: float) -> str:
    """Return a double as Rust's Display: no exponent ever, no ``.0`` on whole numbers."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0") if text.endswith(".0") else text


def with_plus(encoded: bytes) -> bytes:
    """Return JSON with ``e16`` outside strings written ``e+16``."""
    return _STRING_OR_EXPONENT.sub(lambda found: b"e+" if found[0] == b"e" else found[0], encoded)


def without_plus(encoded: bytes) -> bytes:
    """Return JSON with ``e+16`` outside strings written ``e16``, for comparison."""
    if b"e+" not in encoded:
        return encoded
    return _STRING_OR_PLUS.sub(lambda found: b"" if found[0] == b"+" else found[0], encoded)
