"""One tick of the index: inputs and state in, outcome and new state out.

Price feed specification 5 to 8, in this order.
"""

from collections.abc import Mapping

from twilight.domain.index.average import form
from twilight.domain.index.conversion import convert
from twilight.domain.index.judge import OK, judge
from twilight.domain.index.model import SILENCE, IndexState, Inputs, Judgement, Member, Outcome, Parts, Quote
from twilight.domain.index.params import USD, IndexConfig
from twilight.domain.index.quarantine import advance
from twilight.domain.index.status import Evidence, rule
from twilight.domain.index.tick import FLAG_DISPERSED
from twilight.domain.index.units import BPS


def step(config: IndexConfig, state: IndexState, inputs: Inputs) -> Outcome:
    """Return the outcome of one tick. The same arguments give the same outcome on every machine."""
    params, t_ms = config.params, inputs.t_ms
    rates, stored_rates, flags = convert(params, state.rates, t_ms, _currencies(inputs.quotes), inputs.conv)
    judged, members, aside = _sort_out(config, inputs.quotes, rates, state.streaks.quarantined)
    opinion = form(params, members) if members else SILENCE
    streaks = advance(params, state.streaks, t_ms, opinion, aside, len(config.sources))
    n, n_usd = len(opinion.inside), sum([is_usd for _, _, _, is_usd in opinion.inside])
    if dispersed := opinion.dispersion * BPS > params.disp_max_bps * opinion.median:
        flags.append(FLAG_DISPERSED)
    good = opinion.raw is not None and n >= params.n_min and n_usd >= params.usd_min
    full = good and n >= params.n_healthy and n_usd >= params.usd_healthy and not dispersed
    verdict = rule(params, state.market, Evidence(t_ms, opinion.raw or 0, good, full, inputs.resume))
    last = verdict.market.last
    return Outcome(
        IndexState(stored_rates, streaks, verdict.market),
        verdict.status,
        last.price if last else None,
        n,
        n_usd,
        tuple(sorted([*flags, *verdict.flags])),
        rates,
        Parts(judged, opinion, aside, streaks.quarantined),
    )


def _currencies(quotes: Mapping[str, Quote | None]) -> list[str]:
    return sorted({quote[0] for quote in quotes.values() if quote is not None and quote[0] != USD})


def _sort_out(
    config: IndexConfig,
    quotes: Mapping[str, Quote | None],
    rates: Mapping[str, int],
    quarantined: Mapping[str, int | None],
) -> tuple[dict[str, Judgement], list[Member], list[Member]]:
    """Judge all sources; return the OK ones in ascending order: those that count, those in quarantine."""
    judged: dict[str, Judgement] = {}
    members: list[Member] = []
    aside: list[Member] = []
    spread_max_bps = config.params.spread_max_bps
    for source in config.sources:
        name, weight, _, _ = source
        quote = quotes.get(name)
        judged[name] = state, price = judge(source, quote, rates, spread_max_bps)
        if state is OK and quote is not None:
            (aside if name in quarantined else members).append((price, name, weight, quote[0] == USD))
    members.sort()
    return judged, members, aside
