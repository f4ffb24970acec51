"""The key of an event's record (wire.md 3.1)."""

from __future__ import annotations

from typing import Final

from twilight.wire.codec import Codec, encode
from twilight.wire.errors import Quarantine
from twilight.wire.types import Wire

EVENT_VERSION: Final = "v0.1.3"


class EventKey(Wire, frozen=True, gc=False):
    """Which aggregate an event concerns, its kind, its log version, and its cause (decisions C5)."""

    agg_id: str
    event_type: str
    event_version: str = EVENT_VERSION
    metadata: dict[str, str] | None = None


_KEYS: Final = Codec(EventKey)


def decode_key(key: bytes | None) -> EventKey | str:
    """Return the key object, or the bare ``agg_id`` of a key that is none (the form before 2024).

    Bytes that are no UTF-8 are replaced for display; a missing key is the empty text. Never raises.
    """
    if key is None:
        return ""
    try:
        return _KEYS.decode(key)
    except Quarantine:
        return key.decode(errors="replace")


def encode_key(key: EventKey) -> bytes:
    """Return the bytes of a key, the members of its metadata sorted.

    Raises:
        Unencodable: a text holds NUL or a lone surrogate.
    """
    return encode(key)
