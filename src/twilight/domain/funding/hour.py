"""Funding: once an hour the heavier side pays (engine 5.3, 2.11, decisions R11, R12, R21, R25).

A small hour is one decision, order by order. A large one is charged at once, over columns, by the first of its
records; the others follow in slices, and `FundingRateUpdate` is the last event of either
(docs/decisions/funding-publication.md).
"""

from collections.abc import Iterator, Sequence

from twilight.domain.books.charging import Terms, charged, is_used_up, opening_metadata, used_up
from twilight.domain.books.state import Position
from twilight.domain.context import Case
from twilight.domain.funding import records as funding_records
from twilight.domain.funding.records import funding_record
from twilight.domain.isolating import isolated
from twilight.domain.model import formulas
from twilight.domain.model.commands import Meta
from twilight.domain.model.events import Event, FundingRateUpdate, Metadata, TraderOrderFundingUpdate
from twilight.domain.model.inputs import FundingHour
from twilight.domain.model.numbers import display
from twilight.domain.model.orders import OrderStatus, Side, TraderOrder
from twilight.domain.model.profile import LiquidationBasis
from twilight.domain.trading.liquidation import liquidate, was_refused
from twilight.domain.trading.ticks import pool_room


def on_funding_hour(case: Case, hour: FundingHour) -> Iterator[Sequence[Event]]:
    """Charge one hour, at most once, at a tradable price; a large one is left open for its slices."""
    state = case.state
    if not may_fund(case, hour.hour):
        return
    case.metadata = {"funding_hour": str(hour.hour)}
    price, rate = case.price, current_rate(case)
    terms, meta = terms_of(case, rate), funding_meta(case, rate)
    index = state.funding_index + formulas.funding_index_step(rate, price)
    if sum(len(state.ledger(side).rows) for side in Side) <= funding_records.SLICE:
        yield from _one_by_one(case, terms, meta)
    else:
        yield from _at_once(case, terms, meta, index)
    if state.open_hour is None:
        now = case.conditions
        metadata: Metadata = {**case.metadata, "funding_index": str(index)}
        yield [FundingRateUpdate(rate, price, now.now_iso, f"insert_fundingrate-{now.now_us}", metadata)]


def may_fund(case: Case, hour: int) -> bool:
    """Return whether this hour can be charged now: later than the last, not paused, at a tradable price (R11)."""
    state = case.state
    if state.open_hour is not None or state.switches.pause_funding or not case.tradable:
        return False
    return state.funding_hour is None or hour > state.funding_hour


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


def terms_of(case: Case, rate: float) -> Terms:
    """Return the terms of an hour."""
    fees, profile = case.state.fees, case.context.profile
    return Terms(
        rate,
        case.price,
        fees.filled_on_market,
        fees.filled_on_limit,
        case.state.params.mm_ratio,
        profile.first_funding_pays_only,
        profile.liquidation_basis is LiquidationBasis.INITIAL,
    )


# --- a small hour ----------------------------------------------------------------------------------------------------


def _one_by_one(case: Case, terms: Terms, meta: Meta) -> Iterator[Sequence[Event]]:
    """Yield the hour by entry sequence: stretches of charged positions, and each liquidation between them."""
    room, stretch = pool_room(case), list[Event]()
    for position in list(_charged_positions(case)):
        order = charged(position.order, terms, funded=position.funded)
        record = _record(case, meta, order)
        if not is_used_up(order) or room == 0:
            stretch.append(record)
            continue
        if stretch:
            yield stretch
            stretch = []
        room = None if room is None else room - 1
        steps = _liquidations(case, order, meta, record)
        yield from isolated(case, order, steps, lambda: [record])  # noqa: B023  # used before the next position
    if stretch:
        yield stretch


def _charged_positions(case: Case) -> Iterator[Position]:
    """Yield the open positions by entry sequence; what is in flight is passed by (C11)."""
    state = case.state
    for uuid in state.positions:
        held = state.position(uuid) if uuid not in state.intents else None
        if held is not None and held.order.status is OrderStatus.FILLED:
            yield held


def _record(case: Case, meta: Meta, order: TraderOrder) -> TraderOrderFundingUpdate:
    return funding_record(order, meta, case.conditions.now_iso, case.metadata)


def _liquidations(
    case: Case, order: TraderOrder, meta: Meta, record: TraderOrderFundingUpdate | None = None
) -> Iterator[list[Event]]:
    """Yield the end of a position that the hour has used up; one that the chain refuses to end is only charged.

    Then the record says so; in a large hour there is none here, since it comes in a slice.
    """
    held = case.state.known(order.uuid)
    events = liquidate(case, held, meta=meta, by_funding=order, in_slices=record is None)
    if record is not None and was_refused(events):
        events.append(record)
    yield events


# --- a large hour ----------------------------------------------------------------------------------------------------


def _at_once(case: Case, terms: Terms, meta: Meta, index: int) -> Iterator[Sequence[Event]]:
    """Yield the record that charges everybody and opens the hour, then the liquidations by entry sequence."""
    record = _first_record(case, terms, meta)
    if record is None:  # everybody is used up: there is nobody else to charge
        yield from _one_by_one(case, terms, meta)
        return
    state = case.state
    in_flight = [state.known(uuid) for uuid in state.intents if uuid in state.positions]
    left_out = sorted(held.order.entry_sequence for held in in_flight if held.order.status is OrderStatus.FILLED)
    record.metadata = {**(record.metadata or {}), **opening_metadata(terms, left_out, index)}
    yield [record]
    for uuid in used_up(state)[: pool_room(case)]:
        order = (state.position(uuid) or state.known(uuid)).order
        yield from isolated(case, order, _liquidations(case, order, meta), list)


def _first_record(case: Case, terms: Terms, meta: Meta) -> TraderOrderFundingUpdate | None:
    """Return the record of the first position that the hour does not use up."""
    for position in _charged_positions(case):
        order = charged(position.order, terms, funded=position.funded)
        if not is_used_up(order):
            return _record(case, meta, order)
    return None
