"""Which price ticks the core believes, and which feeder it follows (price-feed 10, decisions R2, R14).

No I/O: frames go in with the time of their arrival, accepted ticks or refusals come out. The websocket
clients that bring the frames are in `feed_client`.
"""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from twilight.domain.index.tick import (
    PAIR,
    TRADABLE,
    FeedStatus,
    MalformedTickError,
    PriceTick,
    decode,
    key_id,
    signed_text,
)

FRAME_BYTES_MAX = 65_536
FALLBACK_AFTER_MS = 1_000
SMALLEST_PRICE_E8 = 50_000_000
"""What rounds to 1 USD; a smaller price would be no price (decisions R27)."""


class Refusal(StrEnum):
    """Why a frame was counted and ignored."""

    MALFORMED = "malformed"
    WRONG_PAIR = "wrong_pair"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    NOT_NEWER = "not_newer"
    CLOCK_SKEW = "clock_skew"
    NO_PRICE = "no_price"
    NOT_FOLLOWED = "not_followed"


@dataclass(frozen=True, slots=True)
class AcceptedTick:
    """A tick that the core believes, the text that was signed, and the monotonic time of its arrival."""

    tick: PriceTick
    text: str
    accepted_ms: int

    @property
    def tradable(self) -> bool:
        """Whether the price cycle runs on it."""
        return self.tick.status in TRADABLE


class Feed:
    """Accepts ticks of one primary feeder and its fallbacks.

    ``keys`` holds for each feeder, the primary first, the public keys that may sign its ticks. ``newest``
    is what the log says was accepted last, by key id: a tick that is not newer than that is a replay.

    ``wall_ms`` is compared with the feeder's label, ``now_ms`` is monotonic and decides who is followed.
    """

    def __init__(
        self,
        keys: Sequence[Sequence[bytes]],
        *,
        skew_ms_max: int = 2_000,
        started_ms: int = 0,
        newest: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self._keys = [{key_id(key): Ed25519PublicKey.from_public_bytes(key) for key in ring} for ring in keys]
        self._skew_ms_max = skew_ms_max
        self._newest = dict(newest or {})
        self._tradable_ms: list[int | None] = [None] * len(keys)
        self._seen_ms: list[int | None] = [None] * len(keys)
        if keys:  # the primary gets the time to speak before a fallback is believed
            self._tradable_ms[0] = started_ms
        self.refused: Counter[Refusal] = Counter()
        self.accepted = 0

    def remember(self, newest: Mapping[str, tuple[int, int]]) -> None:
        """Take note of what the log says was accepted last, by key id."""
        for kid, order in newest.items():
            self._newest[kid] = max(order, self._newest.get(kid, (0, 0)))

    def offer(self, feeder: int, frame: bytes | str, wall_ms: int, now_ms: int) -> AcceptedTick | Refusal:
        """Return the tick in ``frame`` if the core is to act on it, else why not (counted)."""
        outcome = self._judge(feeder, frame, wall_ms, now_ms)
        if isinstance(outcome, Refusal):
            self.refused[outcome] += 1
        else:
            self.accepted += 1
        return outcome

    def _judge(self, feeder: int, frame: bytes | str, wall_ms: int, now_ms: int) -> AcceptedTick | Refusal:
        tick = _parse(frame)
        if tick is None:
            return Refusal.MALFORMED
        refusal = self._refusal(feeder, tick, wall_ms)
        if refusal is not None:
            return refusal
        self._newest[tick.kid] = tick.order
        self._seen(feeder, tick.status, now_ms)
        if self._followed(now_ms) != feeder:
            return Refusal.NOT_FOLLOWED
        return AcceptedTick(tick, signed_text(tick), now_ms)

    def _refusal(self, feeder: int, tick: PriceTick, wall_ms: int) -> Refusal | None:
        """Judge the tick by itself, the costly signature last."""
        if tick.pair != PAIR:
            return Refusal.WRONG_PAIR
        if tick.status in TRADABLE and tick.price_e8 < SMALLEST_PRICE_E8:
            return Refusal.NO_PRICE
        key = self._keys[feeder].get(tick.kid)
        if key is None:
            return Refusal.UNKNOWN_KEY
        if abs(wall_ms - tick.ts_ms) > self._skew_ms_max:
            return Refusal.CLOCK_SKEW
        if tick.order <= self._newest.get(tick.kid, (0, 0)):
            return Refusal.NOT_NEWER
        return None if _signed(tick, key) else Refusal.BAD_SIGNATURE

    def _seen(self, feeder: int, status: FeedStatus, now_ms: int) -> None:
        self._seen_ms[feeder] = now_ms
        if status in TRADABLE:
            self._tradable_ms[feeder] = now_ms

    def _followed(self, now_ms: int) -> int | None:
        """The first feeder that was tradable within the last second; if none was, the first that is alive.

        A thinly backed primary is not left for a healthy fallback: two feeders that take turns would be a price that
        jumps between two views of the market (R14).
        """
        for times in (self._tradable_ms, self._seen_ms):
            for feeder, at_ms in enumerate(times):
                if at_ms is not None and now_ms - at_ms < FALLBACK_AFTER_MS:
                    return feeder
        return None


def _parse(frame: bytes | str) -> PriceTick | None:
    if len(frame) > FRAME_BYTES_MAX:
        return None
    try:
        return decode(frame)
    except MalformedTickError:
        return None


def _signed(tick: PriceTick, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(base64.b64decode(tick.sig, validate=True), signed_text(tick).encode("ascii"))
    except (InvalidSignature, ValueError):
        return False
    return True


class FeedWatch:
    """What the gates are told about the feed: the last accepted tick's status, worsened by silence.

    No accepted tick for 1 s counts as HOLD and for 30 s as HALTED, so a dead feeder and a blind one act
    alike. Until the first one the status is STARTING.
    """

    HOLD_AFTER_MS = 1_000
    HALT_AFTER_MS = 30_000

    def __init__(self) -> None:
        self._last: AcceptedTick | None = None
        self._heard_ms = 0

    def accepted(self, tick: AcceptedTick, heard_ms: int | None = None) -> None:
        """Remember the newest accepted tick that the engine meets.

        ``heard_ms`` is when the newest of all was accepted, if some wait behind this one: while the engine was held up
        the feed was not silent, and what is done at its ticks, one after another, is done at a feed that speaks.
        """
        self._last = tick
        self._heard_ms = tick.accepted_ms if heard_ms is None else heard_ms

    def age_ms(self, now_ms: int) -> int | None:
        """Return how long ago a tick was last accepted, ``None`` before the first."""
        return None if self._last is None else max(0, now_ms - self._heard_ms)

    def status(self, now_ms: int) -> FeedStatus:
        """Return the status that holds at ``now_ms``."""
        if self._last is None:
            return FeedStatus.STARTING
        age_ms = max(0, now_ms - self._heard_ms)
        if age_ms >= self.HALT_AFTER_MS:
            return FeedStatus.HALTED
        if age_ms >= self.HOLD_AFTER_MS and self._last.tradable:
            return FeedStatus.HOLD
        return self._last.tick.gating_status
