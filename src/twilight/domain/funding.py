"""Funding: once an hour the heavier side pays (engine 5.3, 2.11, decisions R11, R12, R21, R25).

The whole hour is decided at once, over columns, and applied at once; its million events are made when somebody
reads them. So a tick that arrives meanwhile is not late, only behind them in the log.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from twilight.domain import formulas
from twilight.domain.charging import NO_SEQUENCE, Charged, Hour, terms_of
from twilight.domain.commands import Meta
from twilight.domain.context import Case
from twilight.domain.events import Event, FundingRateUpdate, Metadata
from twilight.domain.inputs import FundingHour
from twilight.domain.isolating import isolated
from twilight.domain.liquidation import liquidate, was_refused
from twilight.domain.numbers import display


def on_funding_hour(case: Case, hour: FundingHour) -> Iterator[Sequence[Event]]:
    """Charge one hour, at most once, at a tradable price; `FundingRateUpdate` is the last event."""
    state = case.state
    if not may_fund(case, hour.hour):
        return
    case.metadata = {"funding_hour": str(hour.hour)}
    price, rate = case.price, current_rate(case)
    meta = funding_meta(case, rate)
    yield from _charge(case, rate, meta)
    index = state.funding_index + formulas.funding_index_step(rate, price)
    metadata: Metadata = {**case.metadata, "funding_index": str(index)}
    now = case.conditions
    agg_id = f"insert_fundingrate-{now.now_us}"
    yield [FundingRateUpdate(rate, price, now.now_iso, agg_id, metadata)]


def may_fund(case: Case, hour: int) -> bool:
    """Return whether this hour can be charged now: later than the last, not paused, at a tradable price (R11)."""
    last = case.state.funding_hour
    return (last is None or hour > last) and not case.state.switches.pause_funding and case.tradable


def current_rate(case: Case) -> float:
    """Return the rate in doubles, from the totals as the wire shows them (R25)."""
    sums = case.state.exposure
    long, short = sums.long_size, sums.short_size
    return formulas.funding_rate(float(long), float(short), float(long + short))


def funding_meta(case: Case, rate: float) -> Meta:
    """Return the Meta of the funding cycle (1.9)."""
    fees = case.state.fees
    return {
        **case.tick_meta(),
        "FundingRate": display(rate),
        "FilledOnMarket": display(fees.filled_on_market),
        "FilledOnLimit": display(fees.filled_on_limit),
    }


def _charge(case: Case, rate: float, meta: Meta) -> Iterator[Sequence[Event]]:
    """Yield the hour by entry sequence: stretches of charged positions, and each liquidation between them."""
    hour = Hour(case, terms_of(case, rate), meta)
    above = -1
    for sequence, side, row in hour.due():
        yield Charged(hour, above, sequence, first=above < 0)
        order = hour.charges[side].order(row)
        yield from isolated(case, order, _liquidations(case, hour, side, row), partial(_charged, hour, side, row))
        above = sequence
    yield Charged(hour, above, NO_SEQUENCE, first=above < 0)


def _liquidations(case: Case, hour: Hour, side: int, row: int) -> Iterator[list[Event]]:
    yield _liquidation(case, hour, side, row)


def _charged(hour: Hour, side: int, row: int) -> list[Event]:
    return [hour.event(side, row)]


def _liquidation(case: Case, hour: Hour, side: int, row: int) -> list[Event]:
    """Return the end of a position that the hour has used up; one that the chain refuses to end is only charged."""
    order = hour.charges[side].order(row)
    position = case.state.position(order.uuid)
    if position is None:
        raise IndexError(f"row {row} holds no position")
    events = liquidate(case, position, meta=hour.meta, by_funding=order)
    if was_refused(events):
        events.append(hour.event(side, row))
    return events
