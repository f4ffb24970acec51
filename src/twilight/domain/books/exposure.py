"""What the live orders add up to, exactly, and the two numbers of an order that the sums are made of (R19)."""

from twilight.domain.books.state import Exposure, State
from twilight.domain.model.numbers import round_half_away
from twilight.domain.model.orders import FILLED, LONG, TraderOrder


def value_of(order: TraderOrder) -> int:
    """Return the order's entry value, whole sats."""
    value = order.initial_margin_sats * order.leverage
    whole = int(value)
    return whole if whole == value else round_half_away(value)


def size_of(order: TraderOrder) -> int:
    """Return the order's size as the exact product of two whole numbers (R19)."""
    dollars = int(order.entry_price)
    return value_of(order) * dollars if dollars == order.entry_price else round_half_away(order.position_size)


def summed(state: State) -> Exposure:
    """Return the sums made anew from the live orders."""
    sums = Exposure()
    for held in state.positions.values():
        order, value = held.order, value_of(held.order)
        long, filled = order.side is LONG, order.status is FILLED
        if filled:
            sums.accrued_sats += state.ledger(order.side).accrued_sats(order)
        if filled and long:
            sums.long_sats, sums.long_size = sums.long_sats + value, sums.long_size + size_of(order)
        elif filled:
            sums.short_sats, sums.short_size = sums.short_sats + value, sums.short_size + size_of(order)
        elif long:
            sums.pending_long_sats += value
        else:
            sums.pending_short_sats += value
    return sums
