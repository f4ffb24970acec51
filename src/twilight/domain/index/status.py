"""From an opinion to a published price: step limit, breaker, and the five states.

Price feed specification 8.
"""

from typing import NamedTuple

from twilight.domain.index.model import Accepted, Market
from twilight.domain.index.params import IndexParams
from twilight.domain.index.tick import FLAG_BREAKER, FLAG_STEP_LIMITED, FeedStatus
from twilight.domain.index.units import BPS, cents, clamp


class Verdict(NamedTuple):
    """The status after a tick, what the rules remember, and their flags."""

    status: FeedStatus
    market: Market
    flags: tuple[str, ...]


class Evidence(NamedTuple):
    """One tick's index and how well it is backed. ``raw`` counts only when ``good``."""

    t_ms: int
    raw: int
    good: bool
    full: bool
    resume: bool


def rule(params: IndexParams, market: Market, evidence: Evidence) -> Verdict:
    """Return what this tick says, given everything that was accepted before."""
    if market.halted:
        return _halted(params, market, evidence)
    if not evidence.good:
        return _held(params, market, evidence.t_ms)
    price, flags = _step_limited(params, market, evidence)
    limited_in_row = market.limited_in_row + 1 if flags else 0
    if _breaks(params, market, evidence.t_ms, price):
        broken = market._replace(limited_in_row=0, hold_since=None, halted=True, full_since=None)
        return Verdict(FeedStatus.HALTED, broken, (*flags, FLAG_BREAKER))
    full = evidence.full and limited_in_row <= params.limited_ticks
    accepted = _accepted(params, market, Accepted(evidence.t_ms, cents(price)), limited_in_row)
    return Verdict(FeedStatus.HEALTHY if full else FeedStatus.DEGRADED, accepted, flags)


def _halted(params: IndexParams, market: Market, evidence: Evidence) -> Verdict:
    """Stay halted until ``full`` has held for ``resume_ms``; then start afresh, without limits."""
    if not evidence.full:
        return Verdict(FeedStatus.HALTED, market._replace(full_since=None), ())
    since = evidence.t_ms if market.full_since is None else market.full_since
    if evidence.t_ms - since < params.resume_ms and not evidence.resume:
        return Verdict(FeedStatus.HALTED, market._replace(full_since=since), ())
    first = Accepted(evidence.t_ms, cents(evidence.raw))
    return Verdict(FeedStatus.HEALTHY, Market(first, 0, None, False, None, (first,), (first,)), ())


def _held(params: IndexParams, market: Market, t_ms: int) -> Verdict:
    if market.last is None:
        return Verdict(FeedStatus.STARTING, market, ())
    since = t_ms if market.hold_since is None else market.hold_since
    halted = t_ms - since >= params.halt_ms
    held = market._replace(limited_in_row=0, hold_since=None if halted else since, halted=halted, full_since=None)
    return Verdict(FeedStatus.HALTED if halted else FeedStatus.HOLD, held, ())


def _step_limited(params: IndexParams, market: Market, evidence: Evidence) -> tuple[int, tuple[str, ...]]:
    """Return the price moved at most ``step_bps`` for each tick since the last accepted one."""
    if market.last is None:
        return evidence.raw, ()
    last = market.last.price
    ticks = clamp((evidence.t_ms - market.last.t_ms) // params.tick_ms, 1, params.step_ticks_max)
    limit = last * params.step_bps * ticks // BPS
    price = clamp(evidence.raw, last - limit, last + limit)
    return price, () if price == evidence.raw else (FLAG_STEP_LIMITED,)


def _breaks(params: IndexParams, market: Market, t_ms: int, price: int) -> bool:
    """Say whether the price is further than ``breaker_bps`` from any price accepted within ``breaker_ms``."""
    oldest_ms = t_ms - params.breaker_ms
    high, low = _first_since(market.highs, oldest_ms, price), _first_since(market.lows, oldest_ms, price)
    return (high - price) * BPS > params.breaker_bps * high or (price - low) * BPS > params.breaker_bps * low


def _first_since(extremes: tuple[Accepted, ...], oldest_ms: int, otherwise: int) -> int:
    for t_ms, price in extremes:
        if t_ms >= oldest_ms:
            return price
    return otherwise


def _accepted(params: IndexParams, market: Market, newest: Accepted, limited_in_row: int) -> Market:
    oldest_ms, price = newest.t_ms - params.breaker_ms, newest.price
    highs = [old for old in market.highs if old[1] > price and old[0] >= oldest_ms]
    lows = [old for old in market.lows if old[1] < price and old[0] >= oldest_ms]
    return Market(newest, limited_in_row, None, False, None, (*highs, newest), (*lows, newest))
