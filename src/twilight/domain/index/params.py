"""What an operator may set about the index, and which settings make no sense together.

Price feed specification 11.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, NamedTuple

USD: Final = "USD"
DEFAULT_WEIGHT: Final = 1_000_000
BOUND_PAIRS: Final = (
    ("band_min_bps", "band_max_bps"),
    ("rej_min_bps", "rej_max_bps"),
    ("n_min", "n_healthy"),
    ("usd_min", "usd_healthy"),
)


class IndexConfigError(ValueError):
    """The index would not be safe with this configuration; one line for each reason."""


@dataclass(frozen=True, slots=True)
class IndexParams:
    """Parameters of the index with their defaults: times in ms, ratios in basis points."""

    tick_ms: int = 250
    quote_stale_ms: int = 5_000
    link_stale_ms: int = 5_000
    conv_stale_ms: int = 30_000
    spread_max_bps: int = 50
    conv_min: int = 2
    conv_spread_max_bps: int = 50
    conv_band_bps: int = 50
    conv_guard_bps: int = 500
    conv_step_bps: int = 10
    group_cap_bps: int = 4_000
    mad_num: int = 14_826
    band_k: int = 4
    band_min_bps: int = 10
    band_max_bps: int = 50
    rej_k: int = 8
    rej_min_bps: int = 100
    rej_max_bps: int = 300
    quar_after_ms: int = 5_000
    quar_back_ms: int = 30_000
    quar_back_bps: int = 50
    n_healthy: int = 4
    usd_healthy: int = 2
    n_min: int = 3
    usd_min: int = 1
    disp_max_bps: int = 30
    step_bps: int = 50
    step_ticks_max: int = 20
    limited_ticks: int = 4
    halt_ms: int = 30_000
    resume_ms: int = 5_000
    breaker_bps: int = 1_000
    breaker_ms: int = 60_000
    mode: str = "mean"

    def faults(self) -> Iterator[str]:
        """Yield one line for each value that is out of range or reversed."""
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "mode" and (type(value) is not int or value < 0):
                yield f"{item.name} must be a whole number of at least 0, was {value!r}"
        for low, high in BOUND_PAIRS:
            if getattr(self, low) > getattr(self, high):
                yield f"{low} must not exceed {high}, were {getattr(self, low)} and {getattr(self, high)}"
        if self.tick_ms == 0:
            yield "tick_ms must be at least 1, was 0"
        if self.group_cap_bps >= 10_000:  # noqa: PLR2004 - one whole in bps
            yield f"group_cap_bps must be below 10000, was {self.group_cap_bps}"
        if self.mode not in {"mean", "median"}:
            yield f"mode must be mean or median, was {self.mode!r}"


@dataclass(frozen=True, slots=True)
class SourceParams:
    """One source of the index as configured: its quote currency, its say, its own age limits if any."""

    name: str
    quote: str = USD
    weight: int = DEFAULT_WEIGHT
    quote_stale_ms: int | None = None
    link_stale_ms: int | None = None


class Source(NamedTuple):
    """One source as the step function sees it, with its age limits resolved."""

    name: str
    weight: int
    quote_stale_ms: int
    link_stale_ms: int


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """Parameters and sources of one index; the sources stand in the order of their names."""

    params: IndexParams
    sources: tuple[Source, ...]


def resolve(params: IndexParams, sources: Iterable[SourceParams]) -> IndexConfig:
    """Return the configuration of the step function without judging whether it is safe to run."""
    resolved = (
        Source(
            source.name,
            source.weight,
            params.quote_stale_ms if source.quote_stale_ms is None else source.quote_stale_ms,
            params.link_stale_ms if source.link_stale_ms is None else source.link_stale_ms,
        )
        for source in sources
    )
    return IndexConfig(params, tuple(sorted(resolved)))


def checked(
    params: IndexParams,
    sources: Sequence[SourceParams],
    conversion_sources: Mapping[str, Sequence[str]],
) -> IndexConfig:
    """Return the configuration, or raise IndexConfigError with every reason why it is refused."""
    faults = [*params.faults(), *_source_faults(params, sources, conversion_sources)]
    if faults:
        raise IndexConfigError("\n".join(faults))
    return resolve(params, sources)


def _source_faults(
    params: IndexParams,
    sources: Sequence[SourceParams],
    conversion_sources: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    usd = sum(source.quote == USD for source in sources)
    if len(sources) < params.n_healthy:
        yield f"at least n_healthy = {params.n_healthy} sources are needed, found {len(sources)}"
    if usd < params.usd_healthy:
        yield f"at least usd_healthy = {params.usd_healthy} USD sources are needed, found {usd}"
    for name, count in Counter(source.name for source in sources).items():
        if count > 1:
            yield f"source names must differ, {name} stands {count} times"
    for source in sources:
        if source.weight <= 0:
            yield f"the weight of {source.name} must be at least 1, was {source.weight}"
        rates = len(conversion_sources.get(source.quote, ()))
        if source.quote != USD and rates < params.conv_min:
            needed = f"conv_min = {params.conv_min} rates needed"
            yield f"{source.name} quotes {source.quote}: {needed}, found {rates}"
