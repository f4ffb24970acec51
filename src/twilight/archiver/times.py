"""Times as PostgreSQL takes them: text in UTC, nanoseconds cut to microseconds (storage specification 2.2)."""

from datetime import UTC, datetime
from functools import lru_cache

from twilight.wire.times import time_ns

NS_PER_S = 1_000_000_000


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def timestamp(ns: int) -> str:
    """Return the text of a `timestamptz`, truncated to microseconds."""
    second, fraction = divmod(ns, NS_PER_S)
    return f"{_second_text(second)}.{fraction // 1000:06d}+00"


@lru_cache(maxsize=4096)
def nanoseconds(text: str) -> int:
    """Return the nanoseconds since 1970 of a time on the wire; events of one batch repeat few times."""
    return time_ns(text)
