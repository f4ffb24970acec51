"""The scalars of the wire: decimals as text at the scale they are shown with, times, bounded numbers.

API specification 2: decimals are JSON strings in plain notation, rounded half up when shown; times
are RFC 3339 in UTC with ``Z``.
"""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Annotated

from msgspec import Meta

Timestamp = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset")]
Text = Annotated[str, Meta(max_length=512, pattern=r"^[^\x00]*$", description="text without NUL, which is in no row")]
DecimalText = Annotated[str, Meta(description="decimal in plain notation")]
TimeText = Annotated[str, Meta(description="RFC 3339 in UTC")]

PRICE_SCALE = 2
AMOUNT_SCALE = 4
RATE_SCALE = 6

HISTORY_ROWS_MAX = 5000
PAGE_ROWS_MAX = 500
ACCOUNT_ROWS_DEFAULT = 50
OFFSET_MAX = 2**53

# Wide enough for any float64 that was stored exactly: 309 digits before the point, 1,074 after it.
_EXACT = Context(prec=1_400, rounding=ROUND_HALF_UP)
_QUANTA = {scale: Decimal(1).scaleb(-scale) for scale in (PRICE_SCALE, AMOUNT_SCALE, RATE_SCALE)}


def decimal_text(value: Decimal | None, scale: int | None = None) -> str:
    """Return the value in plain notation, rounded half up to ``scale``, without trailing zeros.

    Without a scale the value is shown in full. A missing number (stored for a float that was NaN) is
    shown as ``0``, so that every client can parse it.
    """
    if value is None:
        return "0"
    text = fixed_text(value, scale) if scale is not None else format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def fixed_text(value: Decimal, scale: int) -> str:
    """Return the value with exactly ``scale`` decimals, rounded half up."""
    return format(value.quantize(_QUANTA[scale], context=_EXACT), "f")


def time_text(moment: datetime) -> str:
    """Return the moment in UTC with 0, 3 or 6 fractional digits, whichever is the shortest exact one."""
    moment = moment.astimezone(UTC)
    finest = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=finest if moment.microsecond else "seconds") + "Z"


def nanoseconds_text(ns: int) -> str:
    """Return the moment ``ns`` nanoseconds after the epoch with nine fractional digits."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def clamp_rows(limit: int | None, most: int, default: int | None = None) -> int:
    """Return the number of rows to read: 1 to ``most``, silently, and the default when none was named."""
    if limit is None:
        return most if default is None else default
    return max(1, min(limit, most))


def clamp_offset(offset: int | None) -> int:
    """Return the rows to skip: below 0 counts as 0, and no more than a query can take."""
    return max(0, min(offset or 0, OFFSET_MAX))
