"""One tick of the index: inputs and state in, outcome and new state out.

Price feed specification 5 to 8, in this order.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from twilight.domain.index.average import Member, Opinion, form
from twilight.domain.index.conversion import convert
from twilight.domain.index.judge import OK, Judgement, judge
from twilight.domain.index.model import IndexState, Inputs, Outcome, Quote, SourceState, SourceView
from twilight.domain.index.params import USD, IndexConfig
from twilight.domain.index.quarantine import advance
from twilight.domain.index.status import Evidence, rule
from twilight.domain.index.tick import FLAG_DISPERSED
from twilight.domain.index.units import BPS

SILENCE: Final = Opinion(0, 0, 0, (), (), (), None)


def step(config: IndexConfig, state: IndexState, inputs: Inputs) -> Outcome:
    """Return the outcome of one tick. The same arguments give the same outcome on every machine."""
    params, t_ms = config.params, inputs.t_ms
    rates, stored_rates, flags = convert(params, state.rates, t_ms, _currencies(inputs.quotes), inputs.conv)
    judged = {
        source.name: judge(source, inputs.quotes.get(source.name), rates, params.spread_max_bps)
        for source in config.sources
    }
    members, aside = _usable(config, inputs.quotes, judged, state.streaks.quarantined)
    opinion = form(params, members) if members else SILENCE
    streaks = advance(params, state.streaks, t_ms, opinion, aside)
    n, n_usd = len(opinion.inside), sum(member.is_usd for member in opinion.inside)
    dispersed = opinion.dispersion * BPS > params.disp_max_bps * opinion.median
    good = opinion.raw is not None and n >= params.n_min and n_usd >= params.usd_min
    full = good and n >= params.n_healthy and n_usd >= params.usd_healthy and not dispersed
    verdict = rule(params, state.market, Evidence(t_ms, opinion.raw or 0, good, full, inputs.resume))
    if dispersed:
        flags.append(FLAG_DISPERSED)
    last = verdict.market.last
    return Outcome(
        IndexState(stored_rates, streaks, verdict.market),
        verdict.status,
        last.price if last else None,
        opinion.raw,
        opinion.median or None,
        n,
        n_usd,
        opinion.dispersion,
        opinion.band,
        tuple(sorted((*flags, *verdict.flags))),
        _views(judged, opinion, aside, streaks.quarantined),
        rates,
    )


def _currencies(quotes: Mapping[str, Quote | None]) -> list[str]:
    return sorted(
        {quote.currency for quote in quotes.values() if quote is not None and quote.currency != USD}
    )


def _usable(
    config: IndexConfig,
    quotes: Mapping[str, Quote | None],
    judged: Mapping[str, Judgement],
    quarantined: Mapping[str, int | None],
) -> tuple[list[Member], list[Member]]:
    """Return the OK sources in ascending order of price: those that count, and those in quarantine."""
    members: list[Member] = []
    aside: list[Member] = []
    for source in config.sources:
        state, price = judged[source.name]
        quote = quotes.get(source.name)
        if state is OK and quote is not None:
            member = Member(price, source.name, source.weight, quote.currency == USD)
            (aside if source.name in quarantined else members).append(member)
    members.sort()
    return members, aside


def _views(
    judged: Mapping[str, Judgement],
    opinion: Opinion,
    aside: Sequence[Member],
    quarantined: Mapping[str, int | None],
) -> dict[str, SourceView]:
    views = {name: SourceView(state, price, 0) for name, (state, price) in judged.items()}
    low, high = opinion.median - opinion.band, opinion.median + opinion.band
    for member, weight in zip(opinion.inside, opinion.weights, strict=True):
        state = OK if low <= member.price <= high else SourceState.CLAMPED
        views[member.name] = SourceView(state, member.price, weight)
    for member in opinion.outside:
        state = SourceState.QUARANTINED if member.name in quarantined else SourceState.OUTLIER
        views[member.name] = SourceView(state, member.price, 0)
    for member in aside:
        views[member.name] = SourceView(SourceState.QUARANTINED, member.price, 0)
    return views
