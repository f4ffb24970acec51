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

Judgement = tuple[SourceState, int]
"""A source's state and its price in USD, 0 unless the state is OK."""

Member = tuple[int, str, int, bool]
"""A usable source: price, name, configured weight, whether it quotes USD. They sort by price, then name."""


class Opinion(NamedTuple):
    """What the usable sources say together. ``raw`` is None when nobody is inside.

    ``weights`` stand in the order of ``inside``; ``median`` is 0 only without members.
    """

    median: int
    dispersion: int
    band: int
    inside: Sequence[Member]
    outside: Sequence[Member]
    weights: Sequence[int]
    raw: int | None


SILENCE = Opinion(0, 0, 0, (), (), (), None)


class SourceView(NamedTuple):
    """One source's part in a tick: state, price in USD (0: none) and effective weight (0: not counted)."""

    state: SourceState
    price: int
    weight: int


class Parts(NamedTuple):
    """From what the views of the sources are made: each one's judgement, the opinion, who is in quarantine."""

    judged: Mapping[str, Judgement]
    opinion: Opinion
    aside: Sequence[Member]
    quarantined: Mapping[str, int | None]


class Outcome(NamedTuple):
    """One tick before it is numbered and signed. ``raw`` and ``median`` are None when they do not exist."""

    state: IndexState
    status: FeedStatus
    price: int | None
    n: int
    n_usd: int
    flags: tuple[str, ...]
    rates: Mapping[str, int]
    parts: Parts

    @property
    def raw(self) -> int | None:
        """Return the index before step limit and rounding."""
        return self.parts.opinion.raw

    @property
    def median(self) -> int | None:
        """Return the weighted median of the usable sources."""
        return self.parts.opinion.median or None

    @property
    def band(self) -> int:
        """Return how far from the median a price counts as it is."""
        return self.parts.opinion.band

    @property
    def dispersion_cbps(self) -> int:
        """Return the dispersion in hundredths of a basis point of the median, 0 without one."""
        opinion = self.parts.opinion
        return opinion.dispersion * 1_000_000 // opinion.median if opinion.median else 0

    @property
    def sources(self) -> Mapping[str, SourceView]:
        """Return each source's part, by name. Made when asked for: most ticks are never looked at."""
        judged, opinion, aside, quarantined = self.parts
        views = {name: SourceView(state, price, 0) for name, (state, price) in judged.items()}
        low, high = opinion.median - opinion.band, opinion.median + opinion.band
        for (price, name, _, _), weight in zip(opinion.inside, opinion.weights, strict=True):
            state = SourceState.OK if low <= price <= high else SourceState.CLAMPED
            views[name] = SourceView(state, price, weight)
        for price, name, _, _ in opinion.outside:
            state = SourceState.QUARANTINED if name in quarantined else SourceState.OUTLIER
            views[name] = SourceView(state, price, 0)
        for price, name, _, _ in aside:
            views[name] = SourceView(SourceState.QUARANTINED, price, 0)
        return views
