"""What goes into a step of the index, what comes out, what it remembers: values, never changed in place.

Prices and rates are in units of 1e-8, times and ages in ms. Price feed specification 5 to 8.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from twilight.domain.index.tick import FeedStatus


class SourceState(StrEnum):
    """What became of one source at one tick."""

    DOWN = "DOWN"
    BAD_QUOTE = "BAD_QUOTE"
    STALE = "STALE"
    WIDE = "WIDE"
    NO_RATE = "NO_RATE"
    OK = "OK"
    OUTLIER = "OUTLIER"
    QUARANTINED = "QUARANTINED"
    CLAMPED = "CLAMPED"


class Quote(NamedTuple):
    """A source's best bid and ask, with their age and that of the last frame of any kind."""

    currency: str
    bid: int
    ask: int
    quote_age_ms: int
    link_age_ms: int


class ConversionQuote(NamedTuple):
    """One source's bid and ask of a quote currency in USD."""

    source: str
    bid: int
    ask: int
    age_ms: int


class Inputs(NamedTuple):
    """All that a step may look at besides its state. ``resume``: the operator ends HALTED early."""

    t_ms: int
    quotes: Mapping[str, Quote | None]
    conv: Mapping[str, Sequence[ConversionQuote]]
    resume: bool = False


class Rate(NamedTuple):
    """A conversion rate and the time it last moved."""

    rate: int
    updated_ms: int


class Accepted(NamedTuple):
    """A price that the index stood by, and when."""

    t_ms: int
    price: int


class Streaks(NamedTuple):
    """Since when a source has been OUTLIER; since when a quarantined one is back inside (None: it is not)."""

    outlier_since: Mapping[str, int]
    quarantined: Mapping[str, int | None]


class Market(NamedTuple):
    """The memory of the status rules.

    ``highs`` and ``lows`` are the accepted prices of the breaker window that a later one could still differ
    most from: falling and rising in time. ``full_since`` counts only while halted.
    """

    last: Accepted | None
    limited_in_row: int
    hold_since: int | None
    halted: bool
    full_since: int | None
    highs: tuple[Accepted, ...]
    lows: tuple[Accepted, ...]


class IndexState(NamedTuple):
    """Everything that one step hands to the next."""

    rates: Mapping[str, Rate]
    streaks: Streaks
    market: Market


START = IndexState({}, Streaks({}, {}), Market(None, 0, None, False, None, (), ()))


class SourceView(NamedTuple):
    """One source's part in a tick: state, price in USD (0: none) and effective weight (0: not counted)."""

    state: SourceState
    price: int
    weight: int


class Outcome(NamedTuple):
    """One tick before it is numbered and signed. ``raw`` and ``median`` are None when they do not exist."""

    state: IndexState
    status: FeedStatus
    price: int | None
    raw: int | None
    median: int | None
    n: int
    n_usd: int
    dispersion: int
    band: int
    flags: tuple[str, ...]
    sources: Mapping[str, SourceView]
    rates: Mapping[str, int]

    @property
    def dispersion_cbps(self) -> int:
        """Return the dispersion in hundredths of a basis point of the median, 0 without one."""
        return self.dispersion * 1_000_000 // self.median if self.median else 0
