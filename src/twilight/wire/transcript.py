"""Merlin transcripts (STROBE-128, ``Merlin v1.0``), byte-compatible with the Rust crate.

STROBE is a duplex that absorbs cSHAKE-padded blocks of 168 bytes, so OpenSSL's Keccak with that very
padding (``KECCAK-KMAC-128``, capacity 256 bits, an extendable output) does all the permuting: earlier blocks
are absorbed whole, and the newest one as a message whose padding STROBE would have written itself.
"""

from __future__ import annotations

import hashlib
from typing import Final

RATE: Final = 166  # STROBE's; two bytes of the block belong to its padding
BLOCK_BYTES: Final = 168

_INITIAL: Final = (b"\1\xa8\1\0\1\x60" + b"STROBEv1.0.2").ljust(BLOCK_BYTES, b"\0")
_META: Final = 0x12
_DATA: Final = 0x02
_CHALLENGE: Final = 0x07


class Transcript:
    """A public-coin transcript: what was appended decides what is drawn."""

    def __init__(self, label: bytes) -> None:
        self._earlier = hashlib.new("KECCAK-KMAC-128", _INITIAL)
        self._newest = self._earlier
        self._block = bytearray()
        self._begin = 0
        self._operate(_META, b"Merlin v1.0")
        self.append(b"dom-sep", label)

    def append(self, label: bytes, message: bytes) -> None:
        """Commit to a message under a label."""
        self._frame(label, len(message))
        self._operate(_DATA, message)

    def append_u64(self, label: bytes, number: int) -> None:
        """Commit to a number of 64 bits."""
        self.append(label, number.to_bytes(8, "little"))

    def challenge(self, label: bytes, count: int) -> bytes:
        """Draw bytes that depend on everything before; the draw itself is committed to."""
        self._frame(label, count)
        self._start(_CHALLENGE)
        if self._block:
            self._permute()
        drawn = bytearray()
        while len(drawn) < count:
            start = len(self._block)
            piece = self._state()[start : min(RATE, start + count - len(drawn))]
            drawn += piece
            self._absorb(piece)  # STROBE overwrites what it has given away with zeros
        return bytes(drawn)

    def _frame(self, label: bytes, length: int) -> None:
        self._operate(_META, label)
        self._absorb(length.to_bytes(4, "little"))

    def _operate(self, flags: int, data: bytes) -> None:
        self._start(flags)
        self._absorb(data)

    def _start(self, flags: int) -> None:
        begin = self._begin
        self._begin = len(self._block) + 1
        self._absorb(bytes((begin, flags)))

    def _absorb(self, data: bytes | bytearray) -> None:
        done = 0
        while done < len(data):
            piece = data[done : done + RATE - len(self._block)]
            self._block += piece
            done += len(piece)
            if len(self._block) == RATE:
                self._permute()

    def _permute(self) -> None:
        self._block.append(self._begin)
        self._newest = self._earlier.copy()
        self._newest.update(self._block)
        padded = bytearray((self._block + b"\4").ljust(BLOCK_BYTES, b"\0"))
        padded[-1] ^= 0x80
        self._earlier.update(padded)
        self._block.clear()
        self._begin = 0

    def _state(self) -> bytes:
        """Return the rate of the duplex after the last permutation."""
        return self._newest.digest(BLOCK_BYTES)  # type: ignore[call-arg] # an extendable output has a length
