"""What the codecs may raise.

``WireError`` is the base; ``Quarantine`` says that bytes from outside cannot be read (store them,
go on), ``Unencodable`` that our own value must not be written (a fault of the caller).
"""

from __future__ import annotations

from typing import Final

TOMBSTONE: Final = "TOMBSTONE"
NOT_UTF8: Final = "NOT_UTF8"
NOT_JSON: Final = "NOT_JSON"
TOO_DEEP: Final = "TOO_DEEP"
NON_FINITE: Final = "NON_FINITE"
NUL_IN_TEXT: Final = "NUL_IN_TEXT"
LONE_SURROGATE: Final = "LONE_SURROGATE"
DUPLICATE_MEMBER: Final = "DUPLICATE_MEMBER"
NOT_A_MESSAGE: Final = "NOT_A_MESSAGE"
UNKNOWN_EVENT: Final = "UNKNOWN_EVENT"
UNKNOWN_COMMAND: Final = "UNKNOWN_COMMAND"
UNKNOWN_VARIANT: Final = "UNKNOWN_VARIANT"
MISSING_MEMBER: Final = "MISSING_MEMBER"
WRONG_TYPE: Final = "WRONG_TYPE"
OUT_OF_RANGE: Final = "OUT_OF_RANGE"
BAD_HEX: Final = "BAD_HEX"
BAD_BINARY: Final = "BAD_BINARY"
TOO_LARGE: Final = "TOO_LARGE"

QUARANTINE_REASONS: Final = (
    TOMBSTONE,
    NOT_UTF8,
    NOT_JSON,
    TOO_DEEP,
    NON_FINITE,
    NUL_IN_TEXT,
    LONE_SURROGATE,
    DUPLICATE_MEMBER,
    NOT_A_MESSAGE,
    UNKNOWN_EVENT,
    UNKNOWN_COMMAND,
    UNKNOWN_VARIANT,
    MISSING_MEMBER,
    WRONG_TYPE,
    OUT_OF_RANGE,
    BAD_HEX,
    BAD_BINARY,
    TOO_LARGE,
)


class WireError(Exception):
    """Base of everything that the codecs raise."""


class Quarantine(WireError):
    """The bytes cannot be read: keep them with ``reason`` and ``detail``, commit, go on.

    ``reason`` is one of ``QUARANTINE_REASONS`` (stable, for the dead letter), ``detail`` is for people
    and says where and what was expected. Wire specification 3.5.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Unencodable(WireError, ValueError):
    """The value must not be written: a non-finite number, text with NUL, an integer out of range."""
