"""Wire values as column values: finite numbers, JSON text, times (storage specification 2.1)."""

import msgspec

from twilight.archiver.postgres.tables import Value

NULL_NUMBER = "NULL_NUMBER"
_json = msgspec.json.Encoder()


def number(value: float | None) -> float | None:
    """Return the number, None for the not-a-number that the producer wrote as null."""
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN is unequal to itself


def numbers(values: tuple[Value, ...]) -> tuple[tuple[Value, ...], str | None]:
    """Return the values with every not-a-number as None, and the anomaly if there was one."""
    if not any(value != value for value in values):  # noqa: PLR0124 - NaN is unequal to itself
        return values, None
    return tuple(None if value != value else value for value in values), NULL_NUMBER  # noqa: PLR0124


def json_text(value: object) -> str:
    """Return a wire structure as JSON text for a `jsonb` column."""
    return _json.encode(value).decode()
