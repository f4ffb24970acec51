"""How one tick came about, in words: from its record alone."""

from collections.abc import Iterable, Iterator
from typing import Final

from twilight.domain.index.model import Quote, SourceState, SourceView
from twilight.domain.index.params import IndexConfig
from twilight.domain.index.tick import FLAG_BREAKER, FLAG_DISPERSED, FLAG_STEP_LIMITED, FeedStatus
from twilight.domain.index.units import cents
from twilight.feeder.records import ConfigRecord, Record, TickRecord
from twilight.feeder.view import decimal_text

STATUS_WORDS: Final = {
    FeedStatus.STARTING: "there has never been a price",
    FeedStatus.HEALTHY: "fully backed",
    FeedStatus.DEGRADED: "sound, but not fully backed: new positions are refused",
    FeedStatus.HOLD: "not enough sources: the last price is repeated and nothing may trade on it",
    FeedStatus.HALTED: "halted: nothing trades until the index has been fully backed for a while",
}
FLAG_WORDS: Final = {
    FLAG_STEP_LIMITED: "the market has moved further than one step allows; the price follows it tick by tick",
    FLAG_BREAKER: "the move since a price of the last minute is so large that the feed halts itself",
    FLAG_DISPERSED: "the sources disagree among themselves",
    "CONV_UNAVAILABLE": "too few markets price the quote currency; sources that quote in it are left out",
    "CONV_DISAGREE": "the two markets of the quote currency disagree; sources that quote in it are left out",
    "QUOTE_DEPEG": "the quote currency has left its parity; sources that quote in it are left out",
}


def find(records: Iterable[Record], seq: int, epoch: int | None) -> tuple[IndexConfig, TickRecord] | None:
    """Return the newest tick with this number (in this epoch, if one is named) and its configuration."""
    configs: dict[str, IndexConfig] = {}
    found: tuple[IndexConfig, TickRecord] | None = None
    for record in records:
        if isinstance(record, ConfigRecord):
            configs[record.id] = record.config
        elif record.tick.get("seq") == seq and epoch in {None, record.tick.get("epoch")} and record.config in configs:
            found = configs[record.config], record
    return found


def explain(config: IndexConfig, record: TickRecord) -> Iterator[str]:
    """Yield the story of a tick, line by line."""
    tick = record.published
    yield f"Tick {tick.seq} of epoch {tick.epoch}, signed by {tick.kid}:"
    yield f"  {tick.status}, price {decimal_text(tick.price_e8) if tick.price_e8 else 'none'}."
    yield f"  {tick.status} means: {STATUS_WORDS[tick.status]}."
    yield from _rates(record)
    yield "Sources:"
    for name in sorted(record.sources):
        yield f"  {name}: {_source(config, record, name)}"
    yield from _opinion(config, record)
    yield from _status(config, record)
    for flag in tick.flags:
        yield f"Flag {flag}: {FLAG_WORDS[flag.split(':', maxsplit=1)[0]]}."


def _rates(record: TickRecord) -> Iterator[str]:
    for currency, quotes in sorted(record.inputs.conv.items()):
        offers = ", ".join(f"{q.source} {decimal_text((q.bid + q.ask) // 2)} ({q.age_ms} ms old)" for q in quotes)
        rate = record.rates.get(currency)
        became = "no rate is used" if rate is None else f"the rate used is {decimal_text(rate)}"
        yield f"{currency} in USD: {offers or 'no market'}; {became}."


def _source(config: IndexConfig, record: TickRecord, name: str) -> str:
    view, quote = record.sources[name], record.inputs.quotes.get(name)
    if quote is None:
        return "DOWN: not connected, paused by the venue, or no quote since it connected."
    market = f"{decimal_text(quote.bid)} / {decimal_text(quote.ask)} {quote.currency}, {quote.quote_age_ms} ms old"
    return f"{market}; {_verdict(config, record, view, quote)}"


def _verdict(config: IndexConfig, record: TickRecord, view: SourceView, quote: Quote) -> str:
    params = config.params
    price = f"{decimal_text(view.price)} USD, {_bps(view.price, record.median)} from the median"
    words = {
        SourceState.OK: f"counts with {price}, weight {view.weight}.",
        SourceState.CLAMPED: f"CLAMPED: {price}, counts as if at the edge of the band, weight {view.weight}.",
        SourceState.OUTLIER: f"OUTLIER: {price}, too far to count.",
        SourceState.QUARANTINED: f"QUARANTINED: {price}, must stay near for {params.quar_back_ms} ms to count again.",
        SourceState.BAD_QUOTE: "BAD_QUOTE: the bid is not above zero and below the ask.",
        SourceState.STALE: f"STALE: too old (its last frame came {quote.link_age_ms} ms before).",
        SourceState.WIDE: f"WIDE: the spread is above {params.spread_max_bps} bps.",
        SourceState.NO_RATE: f"NO_RATE: there is no rate for {quote.currency}.",
    }
    return words[view.state]


def _opinion(config: IndexConfig, record: TickRecord) -> Iterator[str]:
    tick = record.published
    if not record.median:
        yield "No source can be used, so there is no index."
        return
    band = f"{decimal_text(record.band)} to each side"
    spread = f"{tick.dispersion_cbps / 100:.2f} bps"
    yield f"Weighted median {decimal_text(record.median)}; dispersion {spread}; band {band}."
    if tick.raw_e8:
        how = "median" if config.params.mode == "median" else "mean, each price held inside the band"
        yield f"Index {decimal_text(tick.raw_e8)}: the weighted {how}, of {tick.n} sources ({tick.n_usd} in USD)."


def _status(config: IndexConfig, record: TickRecord) -> Iterator[str]:
    tick, market, params = record.published, record.before.market, config.params
    if tick.status in {FeedStatus.HEALTHY, FeedStatus.DEGRADED}:
        if tick.price_e8 == cents(tick.raw_e8):
            yield "The price is the index rounded to cents."
        elif market.last is not None:
            moved = _bps(tick.price_e8, market.last.price)
            yield f"The price moved {moved} from {decimal_text(market.last.price)}, as far as the step limit allows."
        return
    if market.hold_since is not None:
        yield f"Held for {record.inputs.t_ms - market.hold_since} ms; after {params.halt_ms} ms the feed halts."
    yield (
        f"Needed for a price: {params.n_min} sources and {params.usd_min} in USD; fully backed: "
        f"{params.n_healthy} and {params.usd_healthy}; found {tick.n} and {tick.n_usd}."
    )


def _bps(price: int, reference: int) -> str:
    return f"{(price - reference) * 10_000 / reference:+.2f} bps" if reference else "no distance"
