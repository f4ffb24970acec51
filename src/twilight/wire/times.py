"""Times on the wire: RFC 3339 text in UTC with 0, 3, 6 or 9 digits of a second (wire.md 2.8).

Nanoseconds do not fit Python's ``datetime``, so a time is its text or a whole number of nanoseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

NS_PER_S: Final = 1_000_000_000

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(time_ns: int) -> str:
    """Return the text of a time since the epoch, with the fewest of 0, 3, 6, 9 digits that lose nothing.

    Raises:
        OverflowError: the year has no four digits.
    """
    seconds, nanos = divmod(time_ns, NS_PER_S)
    moment = _EPOCH + timedelta(seconds=seconds)
    fraction = f"{nanos:09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{moment.isoformat()[:19]}{'.' if fraction else ''}{fraction}+00:00"


def rfc3339_from_ms(time_ms: int) -> str:
    """Return the text of a broker's timestamp."""
    return rfc3339(time_ms * 1_000_000)


def time_ns(text: str) -> int:
    """Return the nanoseconds since the epoch of an RFC 3339 text.

    Also reads the older form of ``datetime`` in transaction records: microseconds as digits.

    Raises:
        ValueError: the text is neither.
    """
    if text.isascii() and text.isdigit() and len(text) <= 18:  # noqa: PLR2004 - fits 64 bits as nanoseconds
        return int(text) * 1000
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"expected an RFC 3339 time, found {text[:40]!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    moment = datetime(year, month, day, hour, minute, tzinfo=UTC) - _EPOCH - _offset(match[8])
    # A leap second (60) carries over, as Rust's chrono prints it.
    whole = moment.days * 86_400 + moment.seconds + second
    return whole * NS_PER_S + int((match[7] or "").ljust(9, "0"))


def _offset(text: str) -> timedelta:
    if text in "Zz":
        return timedelta(0)
    sign = -1 if text[0] == "-" else 1
    return sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
