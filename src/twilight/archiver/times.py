"""Times as PostgreSQL takes them: text in UTC, nanoseconds cut to microseconds (storage specification 2.2).

A time is met several times within an event and by the events of one tick, so the last ones are remembered.
"""

from datetime import UTC, datetime
from functools import lru_cache

from twilight.wire.times import NS_PER_S, time_ns

NS_PER_US = 1_000
NS_MIN, NS_MAX = -(2**63), 2**63 - 1  # what a `bigint` holds: the years 1677 to 2262
_MINUTE = len("2026-01-01T00:00")
_TAIL = "+00:00"


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(sep=" ", timespec="seconds")[:-6]


@lru_cache(maxsize=4096)
def timestamp(ns: int) -> str:
    """Return the text of a `timestamptz`, truncated to microseconds.

    Raises:
        ValueError: the year has no four digits.
    """
    second, fraction = divmod(ns, NS_PER_S)
    return f"{_second_text(second)}.{fraction // NS_PER_US:06d}+00"


@lru_cache(maxsize=1024)
def _minute_ns(text: str) -> int:
    return time_ns(f"{text}:00Z")


@lru_cache(maxsize=4096)
def nanoseconds(text: str) -> int:
    """Return the nanoseconds since 1970 of a time on the wire.

    The core's own form, in UTC with nine digits, is read without a pattern: it is in nearly every event.

    Raises:
        ValueError: the text is no time, or one that 64 bits of nanoseconds do not hold.
    """
    ns = _read(text)
    if not NS_MIN <= ns <= NS_MAX:
        raise ValueError(f"expected a time from 1677 to 2262, found {text[:40]!r}")
    return ns


def _read(text: str) -> int:
    digits = text[17:19] + text[20:29]
    if len(text) == 35 and text.endswith(_TAIL) and text[16] + text[19] == ":." and digits.isdigit():  # noqa: PLR2004
        return _minute_ns(text[:_MINUTE]) + int(digits)
    return time_ns(text)
