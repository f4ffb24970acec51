"""Wire values as column values: numbers that may be missing, JSON text (storage specification 2.1)."""

import msgspec

from twilight.archiver.postgres.tables import Value
from twilight.archiver.record import Entry

NULL_NUMBER = "NULL_NUMBER"
TIME_AHEAD = "TIME_AHEAD"
_json = msgspec.json.Encoder()


def is_missing(value: object) -> bool:
    """Return whether a value is not-a-number: what the producer wrote as null."""
    return value != value  # noqa: PLR0124 - only not-a-number is unequal to itself


def number(value: float | None) -> float | None:
    """Return the number, None for the not-a-number that the producer wrote as null."""
    return None if value is None or is_missing(value) else value


def anomaly_of(entry: Entry, values: tuple[Value, ...]) -> str | None:
    """Return the mark of a row with a number that the producer wrote as null; most records have no null at all."""
    if b"null" in (entry.payload_raw or b"") and any(map(is_missing, values)):
        return NULL_NUMBER
    return None


def json_text(value: object) -> str:
    """Return a wire structure as JSON text for a `jsonb` column."""
    return _json.encode(value).decode()
