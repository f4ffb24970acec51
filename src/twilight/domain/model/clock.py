"""Times as the log writes them (engine 0, wire 2.8): nanoseconds since 1970 in, RFC 3339 text out, and back."""

from datetime import UTC, datetime
from functools import lru_cache

NS_PER_S = 1_000_000_000
NS_PER_HOUR = 3600 * NS_PER_S


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso(now_ns: int) -> str:
    """Return the time in UTC with as few of 0, 3, 6 or 9 fraction digits as lose nothing."""
    second, fraction = divmod(now_ns, NS_PER_S)
    text = _second_text(second)
    if fraction % 1000:
        return f"{text}.{fraction:09d}+00:00"
    if fraction % 1_000_000:
        return f"{text}.{fraction // 1000:06d}+00:00"
    if fraction:
        return f"{text}.{fraction // 1_000_000:03d}+00:00"
    return f"{text}+00:00"


def parse_iso(text: str) -> int:
    """Return nanoseconds since 1970; nine fraction digits survive, which `datetime` alone would lose.

    Raises:
        ValueError: it is no time, or says not how far from UTC: that would be another time on another machine.
    """
    head, dot, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    moment = datetime.fromisoformat(head + tail[digits:])
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with its offset from UTC, as 2026-04-10T08:00:00Z, found {text!r}")
    fraction_ns = int(tail[:digits].ljust(9, "0")[:9]) if dot else 0
    return int(moment.timestamp()) * NS_PER_S + fraction_ns
