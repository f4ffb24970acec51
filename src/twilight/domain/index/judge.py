"""Whether one source's quote may be used at a tick, and its price in USD.

Price feed specification 5, the table of states: the first that matches wins.
"""

from collections.abc import Mapping

from twilight.domain.index.model import Judgement, Quote, SourceState
from twilight.domain.index.params import USD, Source
from twilight.domain.index.units import BPS, E8

DOWN: Judgement = (SourceState.DOWN, 0)
BAD_QUOTE: Judgement = (SourceState.BAD_QUOTE, 0)
STALE: Judgement = (SourceState.STALE, 0)
WIDE: Judgement = (SourceState.WIDE, 0)
NO_RATE: Judgement = (SourceState.NO_RATE, 0)
OK = SourceState.OK


def judge(source: Source, quote: Quote | None, rates: Mapping[str, int], spread_max_bps: int) -> Judgement:
    """Return the state of a source and its price, 0 unless the state is OK."""
    if quote is None:
        return DOWN
    currency, bid, ask, quote_age_ms, link_age_ms = quote
    if not 0 < bid < ask:
        return BAD_QUOTE
    _, _, quote_stale_ms, link_stale_ms = source
    if link_age_ms > link_stale_ms or quote_age_ms > quote_stale_ms:
        return STALE
    mid = (bid + ask) // 2
    if (ask - bid) * BPS > spread_max_bps * mid:
        return WIDE
    if currency == USD:
        return OK, mid
    rate = rates.get(currency)
    return NO_RATE if rate is None else (OK, mid * rate // E8)
