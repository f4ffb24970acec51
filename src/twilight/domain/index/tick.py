"""The published tick: its JSON form, the text that is signed, and what makes one acceptable.

Pure: signing and verifying take a callable, so whoever holds a key brings the cryptography.
Price feed specification 9 and 10.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

PAIR: Final = "BTC-USD"
VERSION: Final = 1
TEXT_PREFIX: Final = "PF1"
KEY_ID_DIGITS: Final = 16
DIGITS_MAX: Final = 20
FLAG_STEP_LIMITED: Final = "STEP_LIMITED"
FLAG_BREAKER: Final = "BREAKER"
FLAG_DISPERSED: Final = "DISPERSED"


class FeedStatus(StrEnum):
    """What a tick says about the index (price feed specification 8)."""

    STARTING = "STARTING"
    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    HOLD = "HOLD"
    HALTED = "HALTED"


TRADABLE: Final = frozenset({FeedStatus.HEALTHY, FeedStatus.DEGRADED})


class MalformedTickError(ValueError):
    """The bytes are no tick of this version; the message names the field, what was expected and found."""


class PriceTick(NamedTuple):
    """One published tick. ``price_e8`` is 0 and ``price`` null until the index has had a price.

    ``(epoch, seq)`` orders all ticks of one key; ``ts_ms`` is unix time; ``sig`` is base64.
    ``raw_e8`` is the index before step limit and rounding, 0 when there was none; it is not signed.
    """

    epoch: int
    seq: int
    ts_ms: int
    price_e8: int
    status: FeedStatus
    n: int
    n_usd: int
    dispersion_cbps: int
    flags: tuple[str, ...]
    raw_e8: int
    kid: str
    sig: str
    pair: str = PAIR

    @property
    def order(self) -> tuple[int, int]:
        """The place of this tick among all ticks of its feeder."""
        return self.epoch, self.seq

    @property
    def gating_status(self) -> FeedStatus:
        """The status as the core gates by it: a step-limited HEALTHY tick counts as DEGRADED (R30)."""
        if self.status is FeedStatus.HEALTHY and FLAG_STEP_LIMITED in self.flags:
            return FeedStatus.DEGRADED
        return self.status


def signed_text(tick: PriceTick) -> str:
    """Return the ASCII text under the signature."""
    fields = (
        TEXT_PREFIX,
        tick.pair,
        tick.epoch,
        tick.seq,
        tick.ts_ms,
        tick.price_e8,
        tick.status,
        tick.n,
        tick.n_usd,
        tick.dispersion_cbps,
        ",".join(tick.flags),
    )
    return "|".join(map(str, fields))


def key_id(public_key: bytes) -> str:
    """Return the ``kid`` of a 32-byte Ed25519 public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:KEY_ID_DIGITS]


def price_text(price_e8: int) -> str | None:
    """Return a price in cents as decimal dollars, None for 0 (no price yet)."""
    if price_e8 == 0:
        return None
    cents = price_e8 // 1_000_000
    return f"{cents // 100}.{cents % 100:02d}"


def to_wire(tick: PriceTick) -> dict[str, object]:
    """Return the members of the published JSON object, in the order of the specification."""
    return {
        "type": "price",
        "v": VERSION,
        "pair": tick.pair,
        "epoch": tick.epoch,
        "seq": tick.seq,
        "ts": tick.ts_ms,
        "price": price_text(tick.price_e8),
        "price_e8": tick.price_e8,
        "status": str(tick.status),
        "flags": list(tick.flags),
        "n": tick.n,
        "n_usd": tick.n_usd,
        "dispersion_cbps": tick.dispersion_cbps,
        "raw_e8": tick.raw_e8,
        "kid": tick.kid,
        "sig": tick.sig,
    }


def encode(tick: PriceTick) -> bytes:
    """Return the published JSON text."""
    return json.dumps(to_wire(tick), separators=(",", ":")).encode()


def decode(text: str | bytes) -> PriceTick:
    """Parse published JSON; raises MalformedTickError for anything but a tick of this version.

    ``price`` must say the same as the signed ``price_e8``, so that a reader of either is safe.
    """
    try:
        members = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedTickError(f"a tick must be JSON: {error}") from None
    if not isinstance(members, dict):
        raise MalformedTickError(f"a tick must be an object, was {type(members).__name__}")
    return from_wire(members)


def from_wire(members: Mapping[str, object]) -> PriceTick:
    """Build a tick from decoded members; raises MalformedTickError."""
    if (members.get("type"), members.get("v")) != ("price", VERSION):
        raise MalformedTickError(
            f"type and v must be 'price' and 1, were {members.get('type')!r}, {members.get('v')!r}"
        )
    tick = PriceTick(
        epoch=_whole(members, "epoch"),
        seq=_whole(members, "seq"),
        ts_ms=_whole(members, "ts"),
        price_e8=_whole(members, "price_e8"),
        status=_status(members),
        n=_whole(members, "n"),
        n_usd=_whole(members, "n_usd"),
        dispersion_cbps=_whole(members, "dispersion_cbps"),
        flags=_flags(members),
        raw_e8=_whole(members, "raw_e8"),
        kid=_text(members, "kid"),
        sig=_text(members, "sig"),
        pair=_text(members, "pair"),
    )
    if members.get("price") != price_text(tick.price_e8):
        raise MalformedTickError(
            f"price must say {price_text(tick.price_e8)!r} as price_e8, was {members.get('price')!r}"
        )
    return tick


def parse_signed_text(text: str, *, kid: str, sig: str) -> PriceTick:
    """Read a tick back from its signed text, as the core keeps it in event metadata (R14)."""
    fields = text.split("|")
    if len(fields) != 11 or fields[0] != TEXT_PREFIX:  # noqa: PLR2004 - the eleven fields of specification 9
        raise MalformedTickError(f"signed text must be 11 fields after {TEXT_PREFIX}, was {text!r}")
    numbers = dict(zip(("epoch", "seq", "ts", "price_e8"), fields[2:6], strict=True))
    numbers |= dict(zip(("n", "n_usd", "dispersion_cbps"), fields[7:10], strict=True))
    whole = {name: _digits(name, value) for name, value in numbers.items()}
    members: dict[str, object] = {
        **whole,
        "pair": fields[1],
        "status": fields[6],
        "flags": fields[10].split(",") if fields[10] else [],
        "type": "price",
        "v": VERSION,
        "price": price_text(whole["price_e8"]),
        "raw_e8": 0,
        "kid": kid,
        "sig": sig,
    }
    return from_wire(members)


def sign(tick: PriceTick, kid: str, signer: Callable[[bytes], str]) -> PriceTick:
    """Return the tick with ``kid`` and the signature that ``signer`` makes over the signed text."""
    unsigned = tick._replace(kid=kid, sig="")
    return unsigned._replace(sig=signer(signed_text(unsigned).encode("ascii")))


def _whole(members: Mapping[str, object], name: str) -> int:
    value = members.get(name)
    if type(value) is not int or value < 0:
        raise MalformedTickError(f"{name} must be a whole number of at least 0, was {value!r}")
    return value


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value.isascii() or "|" in value:
        raise MalformedTickError(f"{name} must be ASCII text without '|', was {value!r}")
    return value


def _digits(name: str, text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX
    if not plain or (text[0] == "0" and text != "0"):
        raise MalformedTickError(f"{name} must be at most {DIGITS_MAX} decimal digits, was {text[:40]!r}")
    return int(text)


def _status(members: Mapping[str, object]) -> FeedStatus:
    try:
        return FeedStatus(_text(members, "status"))
    except ValueError as error:
        raise MalformedTickError(f"status must be one of {', '.join(FeedStatus)}: {error}") from None


def _flags(members: Mapping[str, object]) -> tuple[str, ...]:
    flags = members.get("flags")
    if not isinstance(flags, list) or not all(isinstance(flag, str) and flag.isascii() for flag in flags):
        raise MalformedTickError(f"flags must be a list of ASCII text, was {flags!r}")
    if any("|" in flag or "," in flag for flag in flags) or flags != sorted(flags):
        raise MalformedTickError(f"flags must be sorted and free of '|' and ',', were {flags!r}")
    return tuple(flags)
