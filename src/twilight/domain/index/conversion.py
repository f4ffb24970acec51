"""What a quote currency is worth in USD: median of its markets, guarded, and limited in speed.

Price feed specification 6.
"""

from collections.abc import Iterable, Mapping, Sequence

from twilight.domain.index.model import ConversionQuote, Rate
from twilight.domain.index.params import IndexParams
from twilight.domain.index.units import BPS, E8, clamp, median

STEP_MS = 1_000
PAIR_OF_SOURCES = 2


def convert(
    params: IndexParams,
    stored: Mapping[str, Rate],
    t_ms: int,
    currencies: Iterable[str],
    quotes: Mapping[str, Sequence[ConversionQuote]],
) -> tuple[Mapping[str, int], Mapping[str, Rate], list[str]]:
    """Return the usable rates, the rates to remember, and flags for the currencies that have none.

    A rate outlives a time without enough markets, and moves on from there at its limited speed; a depeg
    forgets it, so that the first rate after the depeg is taken as it is.
    """
    rates: dict[str, int] = {}
    flags: list[str] = []
    remembered = stored
    for currency in currencies:
        fresh, flag = _market_rate(params, quotes.get(currency, ()))
        if fresh is None:
            flags.append(f"{flag}:{currency}")
            if flag == "QUOTE_DEPEG":
                remembered = {name: rate for name, rate in remembered.items() if name != currency}
            continue
        moved = _moved(params, remembered.get(currency), fresh, t_ms)
        if moved is not remembered.get(currency):
            remembered = {**remembered, currency: moved}
        rates[currency] = moved.rate
    return rates, remembered, flags


def _market_rate(params: IndexParams, quotes: Sequence[ConversionQuote]) -> tuple[int | None, str]:
    mids = sorted([(quote[1] + quote[2]) // 2 for quote in quotes if _usable(params, quote)])
    if not mids or len(mids) < params.conv_min:
        return None, "CONV_UNAVAILABLE"
    middle = median(mids)
    if len(mids) == PAIR_OF_SOURCES and (mids[1] - mids[0]) * BPS > params.conv_band_bps * middle:
        return None, "CONV_DISAGREE"
    if abs(middle - E8) * BPS > params.conv_guard_bps * E8:
        return None, "QUOTE_DEPEG"
    return middle, ""


def _usable(params: IndexParams, quote: ConversionQuote) -> bool:
    _, bid, ask, age_ms = quote
    if age_ms > params.conv_stale_ms or not 0 < bid < ask:
        return False
    return (ask - bid) * BPS <= params.conv_spread_max_bps * ((bid + ask) // 2)


def _moved(params: IndexParams, stored: Rate | None, fresh: int, t_ms: int) -> Rate:
    if stored is None:
        return Rate(fresh, t_ms)
    seconds = (t_ms - stored.updated_ms) // STEP_MS
    if seconds < 1:
        return stored
    limit = stored.rate * params.conv_step_bps * seconds // BPS
    return Rate(clamp(fresh, stored.rate - limit, stored.rate + limit), t_ms)
