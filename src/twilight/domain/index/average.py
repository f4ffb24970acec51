"""One price out of many: capped weights, weighted median, rejection, clamped average.

Price feed specification 7, steps 1 to 4, 6 and 7.
"""

from collections.abc import Sequence

from twilight.domain.index.model import Member, Opinion
from twilight.domain.index.params import IndexParams
from twilight.domain.index.units import BPS, clamp, median


def form(params: IndexParams, members: Sequence[Member]) -> Opinion:
    """Return the common opinion of at least one member, given in ascending order."""
    weights = capped(members, params.group_cap_bps)
    middle = weighted_median(members, weights)
    deviations = sorted([abs(member[0] - middle) for member in members])
    dispersion = median(deviations) * params.mad_num // BPS
    band = _limit(middle, params.band_k * dispersion, params.band_min_bps, params.band_max_bps)
    reject = _limit(middle, params.rej_k * dispersion, params.rej_min_bps, params.rej_max_bps)
    outside: Sequence[Member] = ()
    inside = members
    if deviations[-1] > reject:
        inside = [member for member in members if abs(member[0] - middle) <= reject]
        outside = [member for member in members if abs(member[0] - middle) > reject]
        weights = capped(inside, params.group_cap_bps)
    raw = middle if params.mode == "median" and inside else _clamped_mean(inside, weights, middle, band)
    return Opinion(middle, dispersion, band, inside, outside, weights, raw)


def capped(members: Sequence[Member], cap_bps: int) -> list[int]:
    """Return the weights, with those of all non-USD members together held to ``cap_bps`` of the whole."""
    weights = [member[2] for member in members]
    usd = sum([weight for _, _, weight, is_usd in members if is_usd])
    other = sum(weights) - usd
    if usd and other * (BPS - cap_bps) > usd * cap_bps:
        scale, divisor = cap_bps * usd, (BPS - cap_bps) * other
        return [weight if is_usd else weight * scale // divisor for _, _, weight, is_usd in members]
    return weights


def weighted_median(members: Sequence[Member], weights: Sequence[int]) -> int:
    """Return the price at which half of the weight is reached; exactly half averages with the next price."""
    total = sum(weights)
    running = 0
    for position, weight in enumerate(weights):
        running += weight
        if 2 * running >= total:
            price = members[position][0]
            return price if 2 * running > total else (price + members[position + 1][0]) // 2
    raise ValueError("a median needs at least one member")


def _limit(middle: int, wanted: int, min_bps: int, max_bps: int) -> int:
    return clamp(wanted, middle * min_bps // BPS, middle * max_bps // BPS)


def _clamped_mean(members: Sequence[Member], weights: Sequence[int], middle: int, band: int) -> int | None:
    total = sum(weights)
    if not total:
        return None
    low, high = middle - band, middle + band
    weighed = 0
    for (price, _, _, _), weight in zip(members, weights, strict=True):
        weighed += weight * (low if price < low else min(price, high))
    return weighed // total
