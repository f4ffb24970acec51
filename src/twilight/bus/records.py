"""A record as it stands in a topic."""

from typing import NamedTuple


class Record(NamedTuple):
    """One record, byte for byte; `timestamp_ms` is the broker's clock at append (wire specification 1.2)."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
