"""Faults that a venue may have, one small class a kind; all are pure functions of time."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

import msgspec

from twilight.local.venues.market import SECOND_US, Tick
from twilight.local.venues.model import BTC

Sides = tuple[str | None, str | None]

SHAPES: Final[Mapping[str, Callable[[str, str], Sides]]] = {
    "": lambda bid, ask: (bid, ask),
    "crossed": lambda bid, ask: (ask, bid),
    "locked": lambda bid, _: (bid, bid),
    "zero": lambda _, ask: ("0", ask),
    "negative": lambda bid, ask: (f"-{bid}", ask),
    "nan": lambda _, ask: ("NaN", ask),
    "no_bid": lambda _, ask: (None, ask),
    "no_ask": lambda bid, _: (bid, None),
}


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Something that is wrong with some venues from ``at_s``, for ``for_s`` seconds or for ever."""

    venues: tuple[str, ...] = ("all",)
    at_s: float = 0.0
    for_s: float | None = None

    quote_only: ClassVar[bool] = False
    """True for kinds that change quotes, which a recording of frames does not have."""
    refuses: ClassVar[bool] = False
    mutes: ClassVar[bool] = False
    """True for kinds under which not even a client's message is answered."""

    @property
    def kind(self) -> str:
        """Return the name of the kind as scenario files spell it."""
        return str(self.__struct_config__.tag)

    @property
    def at_us(self) -> int:
        """Return when it begins, in microseconds of the market's time."""
        return round(self.at_s * SECOND_US)

    def active(self, t_us: int) -> bool:
        """Tell whether it lasts at ``t_us``."""
        age_us = t_us - self.at_us
        return age_us >= 0 and (self.for_s is None or age_us < self.for_s * SECOND_US)

    def alter(self, tick: Tick) -> Tick:
        """Return the quote as the faulty venue makes it."""
        return tick

    def carry(self, due_us: int, text: str, *, beat: bool, rng: random.Random) -> tuple[int, str] | None:
        """Return when and how a frame leaves, or ``None`` when it never does."""
        del beat, rng
        return due_us, text

    def flood_hz(self) -> float:
        """Return how many junk frames it makes a second."""
        return 0.0

    def drip_bytes_per_s(self) -> int | None:
        """Return the rate at which frames trickle out, or ``None`` for at once."""
        return None


class Drop(Fault, frozen=True, kw_only=True, tag="drop"):
    """Connections are cut, and new ones refused."""

    refuses = True


class Freeze(Fault, frozen=True, kw_only=True, tag="freeze"):
    """Quotes stop; heartbeats and answers go on."""

    def carry(self, due_us: int, text: str, *, beat: bool, rng: random.Random) -> tuple[int, str] | None:
        """Let only heartbeats through."""
        del rng
        return (due_us, text) if beat else None


class Silence(Fault, frozen=True, kw_only=True, tag="silence"):
    """The link stays open and carries nothing at all, but for the pongs of the websocket library."""

    mutes = True

    def carry(self, due_us: int, text: str, *, beat: bool, rng: random.Random) -> tuple[int, str] | None:
        """Let nothing through."""
        del due_us, text, beat, rng
        return None


class Delay(Fault, frozen=True, kw_only=True, tag="delay"):
    """Frames arrive late, with the exchange times they had."""

    delay_ms: int

    def carry(self, due_us: int, text: str, *, beat: bool, rng: random.Random) -> tuple[int, str] | None:
        """Hold the frame back."""
        del beat, rng
        return due_us + self.delay_ms * 1_000, text


class Garble(Fault, frozen=True, kw_only=True, tag="garble"):
    """A share of the frames is damaged: cut short, or with characters changed."""

    share: float = 1.0

    def carry(self, due_us: int, text: str, *, beat: bool, rng: random.Random) -> tuple[int, str] | None:
        """Damage the frame, or let it pass."""
        del beat
        return due_us, _damaged(text, rng) if rng.random() < self.share else text


class Offset(Fault, frozen=True, kw_only=True, tag="offset"):
    """Both sides of a product's quotes are off by ``bps``, reached evenly over ``over_s`` seconds."""

    bps: float
    over_s: float = 0.0
    product: str = BTC

    quote_only = True

    def alter(self, tick: Tick) -> Tick:
        """Move both sides."""
        if tick.product != self.product:
            return tick
        over_us = self.over_s * SECOND_US
        share = min(1.0, (tick.t_us - self.at_us) / over_us) if over_us else 1.0
        milli_bps = round(self.bps * share * 1_000)
        sides = (price + price * milli_bps // 10_000_000 for price in (tick.bid_e8, tick.ask_e8))
        bid_e8, ask_e8 = sides
        return replace(tick, bid_e8=bid_e8, ask_e8=ask_e8)


class Cross(Fault, frozen=True, kw_only=True, tag="cross"):
    """The book is not one: crossed, or any other of ``SHAPES``."""

    shape: str = "crossed"
    product: str = BTC

    quote_only = True

    def __post_init__(self) -> None:
        """Refuse a shape that does not exist."""
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(filter(None, SHAPES))}, was {self.shape!r}")

    def alter(self, tick: Tick) -> Tick:
        """Mark the quote with the shape."""
        return replace(tick, shape=self.shape) if tick.product == self.product else tick


class Clock(Fault, frozen=True, kw_only=True, tag="clock"):
    """The venue's clock is wrong by ``step_s`` seconds."""

    step_s: float

    quote_only = True

    def alter(self, tick: Tick) -> Tick:
        """Shift the exchange time."""
        return replace(tick, clock_us=tick.clock_us + round(self.step_s * SECOND_US))


class Flood(Fault, frozen=True, kw_only=True, tag="flood"):
    """Junk frames come between the true ones."""

    per_s: float = 500.0

    def flood_hz(self) -> float:
        """Return the rate of the junk."""
        return self.per_s


class Drip(Fault, frozen=True, kw_only=True, tag="drip"):
    """Frames trickle out a few bytes at a time, as fragments of one message."""

    bytes_per_s: int = 20

    def drip_bytes_per_s(self) -> int | None:
        """Return the rate of the trickle."""
        return self.bytes_per_s


AnyFault = Drop | Freeze | Silence | Delay | Garble | Offset | Cross | Clock | Flood | Drip


def junk(rng: random.Random) -> str:
    """Return a frame that no venue sends: up to 200 characters without sense."""
    return "".join(chr(rng.randrange(32, 127)) for _ in range(rng.randrange(1, 200)))


def _damaged(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text)) if text else 0
    if rng.random() < 0.5:  # noqa: PLR2004 - half are cut short
        return text[:place]
    return text[:place] + junk(rng)[:8] + text[place + 8 :]
