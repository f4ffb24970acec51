"""The one shape of every venue: data that describes it, and a decoder that turns frames into signals.

A decoder is made for one connection, does no I/O and raises on no input. What it cannot read is a
`Control` of kind BAD; what it need not read is one of kind IGNORED. Price feed specification 3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

import msgspec

from twilight.domain.index.units import parse_e8

Frame = bytes | str
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

PRICES_CACHED: Final = 8_192
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)

price_e8 = lru_cache(PRICES_CACHED)(parse_e8)
"""Exact units of 1e-8 from decimal text. Cached: a best price repeats far more often than it changes."""


class TopOfBook(NamedTuple):
    """Best bid and ask of one product. Sizes are the venue's own text; times are unix microseconds.

    ``restarts`` says that ``update_id`` begins anew with this quote.
    """

    symbol: str
    bid: int
    ask: int
    bid_size: str | None = None
    ask_size: str | None = None
    exchange_us: int | None = None
    update_id: int | None = None
    restarts: bool = False


class ControlKind(StrEnum):
    """What a frame that is no quote means for the connection."""

    SUBSCRIBED = "subscribed"
    REFUSED = "refused"
    RECONNECT = "reconnect"
    PAUSED = "paused"
    RESUMED = "resumed"
    ALIVE = "alive"
    IGNORED = "ignored"
    BAD = "bad"


class Control(NamedTuple):
    """A frame that is no quote. ``symbol`` is the product that it is about, None if it names none of ours."""

    kind: ControlKind
    detail: str = ""
    symbol: str | None = None


Signal = TopOfBook | Control
Signals = Sequence[Signal]
Decoder = Callable[[Frame], Signals]

IGNORED: Final[Signals] = (Control(ControlKind.IGNORED),)
ALIVE: Final[Signals] = (Control(ControlKind.ALIVE),)
NOT_JSON: Final[Signals] = (Control(ControlKind.BAD, "not JSON"),)
BAD_QUOTE: Final[Signals] = (Control(ControlKind.BAD, "a quote that cannot be read"),)


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """What to send so that the venue keeps the link. ``text`` None is a protocol ping.

    ``only_when_quiet``: not before nothing came for ``every_s``, or for half the time after which a silent link is
    STALE if that is shorter: a link that lives but has nothing to say must not look dead.
    """

    every_s: float
    text: str | None = None
    only_when_quiet: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What the venue asks of its clients: shortest back-off, and the age after which it cuts a connection."""

    backoff_floor_s: float = 0.25
    age_max_s: float | None = None


@dataclass(frozen=True, slots=True)
class Venue:
    """One exchange as data. ``conversion`` maps a currency to the product that prices it in USD here.

    ``{symbol}`` in the URL stands for the symbol in lower case.
    """

    name: str
    url: str
    symbol: str
    quote: str
    decoder: Callable[[Sequence[str]], Decoder]
    subscribe: Callable[[str, Sequence[str]], Sequence[str]]
    conversion: Mapping[str, str] = field(default_factory=dict)
    keep_alive: KeepAlive | None = None
    limits: Limits = field(default_factory=Limits)
    quote_stale_ms: int | None = None
    link_stale_ms: int | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the products to subscribe to, the main one first."""
        return (self.symbol, *self.conversion.values())

    @property
    def address(self) -> str:
        """Return the URL to connect to."""
        return self.url.replace("{symbol}", self.symbol.lower())


def reader(quotes: Decoder, controls: Callable[[object], Signals]) -> Decoder:
    """Return a decoder that tries ``quotes`` first and gives what that refuses to ``controls``, decoded.

    ``quotes`` may raise anything of `UNREADABLE`. The common frame so costs one typed pass over its bytes.
    """
    plain = msgspec.json.Decoder().decode

    def decode(frame: Frame) -> Signals:
        try:
            return quotes(frame)
        except UNREADABLE:
            pass  # not an error: most frames that are no quotes end here
        try:
            value = plain(frame)
        except UNREADABLE:
            return NOT_JSON
        return controls(value)

    return decode


def members(value: object) -> Mapping[str, object]:
    """Return a decoded object's members, none for any other value."""
    return value if isinstance(value, dict) else {}


def control(kind: ControlKind, detail: object = "", symbol: str | None = None) -> Signals:
    """Return one control signal; the venue's own words are cut to a length fit for a log line."""
    return (Control(kind, str(detail)[:200], symbol),)


def symbol_in(text: object, symbols: Sequence[str]) -> str | None:
    """Return the product of ours that a venue's message names, None if it names none."""
    return next((symbol for symbol in symbols if symbol in str(text)), None)


def microseconds(moment: datetime) -> int:
    """Return unix microseconds, exactly."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def compact(message: Mapping[str, object]) -> str:
    """Return a client message as JSON text."""
    return msgspec.json.encode(message).decode()
