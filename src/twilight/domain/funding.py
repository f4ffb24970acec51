"""Funding: once an hour the heavier side pays (engine 5.3, 2.11, decisions R11, R12, R21, R25)."""

from collections.abc import Iterator

from twilight.domain import formulas
from twilight.domain.commands import Meta
from twilight.domain.context import Case
from twilight.domain.events import Event, FundingRateUpdate, Metadata, TraderOrderFundingUpdate
from twilight.domain.inputs import FundingHour
from twilight.domain.liquidation import is_liquidated, liquidate
from twilight.domain.numbers import display
from twilight.domain.opening import liquidation_price
from twilight.domain.orders import OrderStatus, OrderType, Side, TraderOrder
from twilight.domain.pool import FundingOrderEventUpdate
from twilight.domain.state import Position


def on_funding_hour(case: Case, hour: FundingHour) -> Iterator[list[Event]]:
    """Charge one hour, at most once, at a tradable price; `FundingRateUpdate` is the last event."""
    state = case.state
    if not may_fund(case, hour.hour):
        return
    case.metadata = {"funding_hour": str(hour.hour)}
    price, rate = case.price, current_rate(case)
    meta = funding_meta(case, rate)
    for uuid in [uuid for uuid, held in state.positions.items() if held.order.status is OrderStatus.FILLED]:
        yield fund(case, state.positions[uuid], rate, meta)
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


def fund(case: Case, position: Position, rate: float, meta: Meta) -> list[Event]:
    """Return what one hour does to a position: pay or receive, then K with the fresh rate, then A <= K (R25).

    A liquidation that the chain refuses leaves the position charged, and due again next hour (W-27).
    """
    order = charged(case, position, rate)
    events = list[Event]()
    if order.available_margin_sats <= order.maintenance_margin_sats:
        events = liquidate(case, position, meta=meta, by_funding=order)
        if is_liquidated(events):
            return events
    order.liquidation_price = liquidation_price(case, order)
    stamped = order.copy()
    stamped.timestamp = case.conditions.now_iso
    command = FundingOrderEventUpdate(order, meta)
    agg_id = f"update_order_funding-{order.uuid}"
    return [*events, TraderOrderFundingUpdate(stamped, command, agg_id, case.metadata)]


def charged(case: Case, position: Position, rate: float) -> TraderOrder:
    """Return the order with its new available and maintenance margin."""
    order, state = position.order, case.state
    pay = formulas.funding_payment(rate, order.position_size, case.price)
    change = -pay if order.side is Side.LONG else pay
    if change > 0 and case.context.profile.first_funding_pays_only and not position.funded:
        change = 0.0
    market = order.order_type is OrderType.MARKET
    maintenance = formulas.maintenance_margin(
        formulas.entry_value(order.initial_margin_sats, order.leverage),
        order.bankruptcy_value_sats,
        state.fees.filled_on_market if market else state.fees.filled_on_limit,
        rate,
        state.params.mm_ratio,
    )
    after = order.copy()
    after.available_margin_sats = max(order.available_margin_sats + change, 0.0)
    after.maintenance_margin_sats = maintenance
    return after
