"""One price out of many: capped weights, weighted median, rejection, clamped average.

Price feed specification 7, steps 1 to 4, 6 and 7.
"""

from collections.abc import Sequence
from typing import NamedTuple

from twilight.domain.index.params import IndexParams
from twilight.domain.index.units import BPS, clamp, median


class Member(NamedTuple):
    """A usable source. Members are handled in ascending order of price, equal ones by name."""

    price: int
    name: str
    weight: int
    is_usd: bool


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


def form(params: IndexParams, members: Sequence[Member]) -> Opinion:
    """Return the common opinion of at least one member, given in ascending order."""
    weights = capped(members, params.group_cap_bps)
    middle = weighted_median(members, weights)
    deviations = [abs(member.price - middle) for member in members]
    dispersion = median(sorted(deviations)) * params.mad_num // BPS
    band = _limit(middle, params.band_k * dispersion, params.band_min_bps, params.band_max_bps)
    reject = _limit(middle, params.rej_k * dispersion, params.rej_min_bps, params.rej_max_bps)
    outside: Sequence[Member] = ()
    inside = members
    if max(deviations) > reject:
        inside = [member for member in members if abs(member.price - middle) <= reject]
        outside = [member for member in members if abs(member.price - middle) > reject]
        weights = capped(inside, params.group_cap_bps)
    raw = middle if params.mode == "median" and inside else _clamped_mean(inside, weights, middle, band)
    return Opinion(middle, dispersion, band, inside, outside, weights, raw)


def capped(members: Sequence[Member], cap_bps: int) -> list[int]:
    """Return the weights, with those of all non-USD members together held to ``cap_bps`` of the whole."""
    usd = other = 0
    for _, _, weight, is_usd in members:
        if is_usd:
            usd += weight
        else:
            other += weight
    if usd and other and other * (BPS - cap_bps) > usd * cap_bps:
        scale, divisor = cap_bps * usd, (BPS - cap_bps) * other
        return [member.weight if member.is_usd else member.weight * scale // divisor for member in members]
    return [member.weight for member in members]


def weighted_median(members: Sequence[Member], weights: Sequence[int]) -> int:
    """Return the price at which half of the weight is reached; exactly half averages with the next price."""
    total = sum(weights)
    running = 0
    for position, weight in enumerate(weights):
        running += weight
        if 2 * running == total:
            return (members[position].price + members[position + 1].price) // 2
        if 2 * running > total:
            return members[position].price
    raise ValueError("a median needs at least one member")


def _limit(middle: int, wanted: int, min_bps: int, max_bps: int) -> int:
    return clamp(wanted, middle * min_bps // BPS, middle * max_bps // BPS)


def _clamped_mean(members: Sequence[Member], weights: Sequence[int], middle: int, band: int) -> int | None:
    total = sum(weights)
    if not total:
        return None
    low, high = middle - band, middle + band
    weighed = 0
    for member, weight in zip(members, weights, strict=True):
        price = member.price
        weighed += weight * (low if price < low else min(price, high))
    return weighed // total
