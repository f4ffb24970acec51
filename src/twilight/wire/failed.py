"""Values of ``CLIENT-FAILED-REQUEST``: one JSON string with the hex of what was refused (wire.md 7.1)."""

from __future__ import annotations

import json

from twilight.wire import errors
from twilight.wire.codec import parse
from twilight.wire.errors import Quarantine


def encode_failed(refused_hex: str) -> bytes:
    """Return the value of a record for a refused message."""
    return json.dumps(refused_hex, ensure_ascii=False).encode()


def decode_failed(value: bytes | None) -> str:
    """Return the hex of a refused message.

    Raises:
        Quarantine: the value is no JSON string.
    """
    if value is None:
        raise Quarantine(errors.TOMBSTONE, "the record has no value")
    found = parse(value)
    if not isinstance(found, str):
        raise Quarantine(errors.WRONG_TYPE, f"expected one JSON string, found {type(found).__name__}")
    return found
