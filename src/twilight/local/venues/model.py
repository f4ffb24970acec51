"""What every venue's protocol has in common: products, quotes, links and the shape of a venue."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Final

import msgspec

E8: Final = 100_000_000
BTC: Final = "BTC"
USDT: Final = "USDT"

_DECODER: Final = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask of one product, as the texts that go on the wire.

    A side is ``None`` when the book has no order there. The texts may be no
    valid prices at all ("NaN"): faults make such quotes on purpose.
    """

    product: str
    bid: str | None
    ask: str | None
    bid_size: str
    ask_size: str
    time_us: int
    update_id: int
    first: bool = False


@dataclass(slots=True)
class Link:
    """One client's connection: what its URL said and what it has subscribed to."""

    path: str = "/"
    products: set[str] = field(default_factory=set)

    @property
    def subscribed(self) -> bool:
        """Tell whether any product is to be sent on this link."""
        return bool(self.products)


class Venue(ABC):
    """One exchange's public websocket protocol, from the exchange's side.

    Pure: texts and quotes in, texts out. Sockets, timers and faults live
    elsewhere, so that a ninth venue is one file of this shape.

    Price-feed specification 3.
    """

    name: ClassVar[str]
    path: ClassVar[str] = "/"
    symbols: ClassVar[Mapping[str, str]]
    """Our product names to the venue's own symbols."""
    heartbeat_ms: ClassVar[int] = 0
    """Time between two heartbeat frames; 0 where the venue has none."""
    beat_marker: ClassVar[str] = ""
    """Text by which a recorded frame is known as a heartbeat; empty where the venue has none."""
    subscribe_within_s: ClassVar[float | None] = None
    """A link without a subscription is closed after this time."""
    idle_limit_s: ClassVar[float | None] = None
    """A link on which the client said nothing and nothing was sent is cut after this time."""
    ping_interval_s: ClassVar[float | None] = None
    """Time between two websocket ping frames of the server."""

    def greet(self, link: Link) -> list[str]:
        """Return the frames that a client gets on connecting."""
        del link
        return []

    @abstractmethod
    def receive(self, link: Link, text: str) -> list[str]:
        """Return the answers to a client's frame; subscriptions are kept in ``link``."""

    @abstractmethod
    def quote(self, quote: Quote) -> str:
        """Return the frame that tells a quote."""

    def beats(self, now_us: int) -> list[str]:
        """Return the heartbeat frames of this moment."""
        del now_us
        return []

    def wrap(self, link: Link, text: str) -> str:
        """Return a quote frame as this very link gets it."""
        del link
        return text

    def is_beat(self, text: str) -> bool:
        """Tell whether a recorded frame is a heartbeat."""
        return bool(self.beat_marker) and self.beat_marker in text.replace(" ", "")

    def product_of(self, symbol: str) -> str | None:
        """Return our name of the venue's symbol, or ``None`` when it is not listed."""
        return next((product for product, own in self.symbols.items() if own == symbol), None)


def parse(text: str) -> dict[str, object] | None:
    """Return a client's frame as an object, or ``None`` when it is not a JSON object."""
    try:
        value = _DECODER.decode(text)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) else None


def word(message: Mapping[str, object] | None, name: str) -> str:
    """Return a member that is a string, and the empty string of anything else."""
    value = message.get(name) if message else None
    return value if isinstance(value, str) else ""


def texts(value: object) -> list[str]:
    """Return the strings of a list, and nothing of anything else."""
    items: Iterable[object] = value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, str)]


def dump(value: object) -> str:
    """Return compact JSON text."""
    return msgspec.json.encode(value).decode()


def number(text: str | None) -> msgspec.Raw | None:
    """Return a decimal text that is to stand on the wire as a bare number."""
    return None if text is None else msgspec.Raw(text.encode())


def levels(price: str | None, *rest: str) -> list[list[str]]:
    """Return one side of a book of depth one; an empty side is an empty list."""
    return [] if price is None else [[price, *rest]]


def decimal_text(value_e8: int, places_min: int = 0) -> str:
    """Return an amount in 1e-8 units as plain decimal text with at least ``places_min`` places."""
    sign = "-" if value_e8 < 0 else ""
    whole, part = divmod(abs(value_e8), E8)
    places = f"{part:08d}".rstrip("0").ljust(places_min, "0")
    return f"{sign}{whole}.{places}" if places else f"{sign}{whole}"


def rfc3339(time_us: int) -> str:
    """Return a moment with six fractional digits and ``Z``."""
    seconds, micros = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"
