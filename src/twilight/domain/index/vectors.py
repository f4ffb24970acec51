"""Run a file of index vectors against the step function.

Price feed specification 14: inputs and expected outcomes as exact integers.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from twilight.domain.index.model import START, ConversionQuote, Inputs, Outcome, Quote
from twilight.domain.index.params import DEFAULT_WEIGHT, IndexConfig, IndexParams, SourceParams, resolve
from twilight.domain.index.step import step

Json = Any  # a decoded vector file: its shape is what `Checked` reports about


class Checked(NamedTuple):
    """One tick of a scenario that was compared; ``differences`` is empty when it is exact."""

    scenario: str
    t_ms: int
    differences: tuple[str, ...]


def run(vectors: Mapping[str, Json]) -> Iterator[Checked]:
    """Yield one result for each checked tick of each scenario, in file order."""
    for scenario in vectors["scenarios"]:
        yield from _run_scenario(vectors.get("defaults", {}), scenario)


def outcomes(config: IndexConfig, ticks: Iterable[Mapping[str, Json]]) -> Iterator[Outcome]:
    """Yield the outcome of each tick; one without quotes or conv repeats those before it."""
    state = START
    quotes: Mapping[str, Quote | None] = {}
    conv: Mapping[str, list[ConversionQuote]] = {}
    for tick in ticks:
        if "quotes" in tick:
            quotes = {name: None if quote is None else Quote(*quote) for name, quote in tick["quotes"].items()}
        if "conv" in tick:
            conv = {name: [ConversionQuote(*quote) for quote in rows] for name, rows in tick["conv"].items()}
        outcome = step(config, state, Inputs(tick["t"], quotes, conv))
        state = outcome.state
        yield outcome


def scenario_config(defaults: Mapping[str, Json], scenario: Mapping[str, Json]) -> IndexConfig:
    """Return the configuration of a scenario: its sources are all that it ever names."""
    params = IndexParams(**{**asdict(IndexParams()), **defaults, **scenario.get("params", {})})
    weights = scenario.get("weights", {})
    names = {name for tick in scenario["ticks"] for name in tick.get("quotes", {})}
    return resolve(params, [SourceParams(name, weight=weights.get(name, DEFAULT_WEIGHT)) for name in names])


def _run_scenario(defaults: Mapping[str, Json], scenario: Mapping[str, Json]) -> Iterator[Checked]:
    ticks = scenario["ticks"]
    for tick, outcome in zip(ticks, outcomes(scenario_config(defaults, scenario), ticks), strict=True):
        if "expect" in tick:
            yield Checked(scenario["name"], tick["t"], tuple(_differences(tick["expect"], _found(outcome))))


def _found(outcome: Outcome) -> dict[str, Json]:
    return {
        "status": str(outcome.status),
        "price": outcome.price,
        "raw": outcome.raw,
        "median": outcome.median,
        "n": outcome.n,
        "n_usd": outcome.n_usd,
        "flags": list(outcome.flags),
        "sources": {name: str(view.state) for name, view in outcome.sources.items()},
        "rate": dict(outcome.rates),
    }


def _differences(expected: Mapping[str, Json], found: Mapping[str, Json]) -> Iterator[str]:
    for name, value in expected.items():
        if name not in found:
            yield f"{name}: expected {value!r}, which the index does not report"
        elif found[name] != value:
            yield f"{name}: expected {value!r}, found {found[name]!r}"
