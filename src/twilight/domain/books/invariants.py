"""What must hold of every state, whatever was done to it (engine 13: I-01 to I-05, I-15)."""

from twilight.domain.books.exposure import size_of, value_of
from twilight.domain.books.sets import (
    close_limit_set,
    liquidation_set,
    open_set,
    stop_loss_set,
    take_profit_set,
)
from twilight.domain.books.state import Exposure, Position, State
from twilight.domain.model.formulas import accrued
from twilight.domain.model.numbers import score
from twilight.domain.model.orders import OrderStatus, Side

CLOSE_SETS = (close_limit_set, stop_loss_set, take_profit_set)


def violations(state: State) -> list[str]:
    """Return one line for each invariant that does not hold; an empty list is a sound exchange."""
    state.sync()
    return [
        *_totals(state),
        *_sets(state),
        *_accounts(state),
        *_figures(state),
        *_pool(state),
    ]


def _filled(state: State) -> list[Position]:
    return [held for held in state.positions.values() if held.order.status is OrderStatus.FILLED]


def expected_exposure(state: State) -> Exposure:
    """Return the totals as the live orders alone give them."""
    sums = Exposure()
    for held in state.positions.values():
        order, long = held.order, held.order.side is Side.LONG
        if order.status is OrderStatus.PENDING:
            sums.pending_long_sats += value_of(order) if long else 0
            sums.pending_short_sats += 0 if long else value_of(order)
            continue
        sums.accrued_sats += accrued(order.available_margin_sats, order.initial_margin_sats)
        sums.long_sats += value_of(order) if long else 0
        sums.long_size += size_of(order) if long else 0
        sums.short_sats += 0 if long else value_of(order)
        sums.short_size += 0 if long else size_of(order)
    return sums


def _totals(state: State) -> list[str]:
    expected = expected_exposure(state)
    if expected == state.exposure:
        return []
    return [f"I-01/I-02: totals are {state.exposure}, the orders give {expected}"]


def _sets(state: State) -> list[str]:
    found = list[str]()
    opens = {uuid for side in Side for uuid, _ in open_set(state, side)}
    liquidations = {uuid for side in Side for uuid, _ in liquidation_set(state, side)}
    closes = {uuid for side in Side for chosen in CLOSE_SETS for uuid, _ in chosen(state, side)}
    pending = {uuid for uuid, held in state.positions.items() if held.order.status is OrderStatus.PENDING}
    filled = {held.order.uuid for held in _filled(state)}
    asked = set(state.intents)  # a tick has taken what it fired out of its set (C11)
    opens, pending, liquidations, filled = opens - asked, pending - asked, liquidations - asked, filled - asked
    closes -= asked
    if opens != pending:
        found.append(f"I-03: OPEN sets hold {opens ^ pending} too many or too few")
    bounded = {held.order.uuid for held in _filled(state) if held.order.liquidation_price > 0} - asked
    if liquidations != bounded:
        found.append(f"I-03: LIQ sets hold {liquidations ^ bounded} too many or too few")
    if not closes <= filled:
        found.append(f"I-03: close sets hold {closes - filled}, which are not FILLED")
    return found + [line for held in state.positions.values() for line in _score(state, held)]


def _score(state: State, held: Position) -> list[str]:
    order = held.order
    if order.status is OrderStatus.PENDING:
        found, price = open_set(state, order.side).score(order.uuid), order.entry_price
    else:
        found, price = liquidation_set(state, order.side).score(order.uuid), order.liquidation_price
    if found is None or found == score(price):
        return []
    return [f"I-03: {order.uuid} sits under {found}, its price is {price}"]


def _accounts(state: State) -> list[str]:
    traders = {held.order.account_id: uuid for uuid, held in state.positions.items()}
    lenders = {
        held.order.account_id: uuid for uuid, held in state.deposits.items() if held.order.status is OrderStatus.FILLED
    }
    found = []
    if traders != state.trader_accounts or len(traders) != len(state.positions):
        found.append("I-04: occupied trader accounts are not those of the live orders")
    if lenders != state.lender_accounts:
        found.append("I-04: occupied lender accounts are not those of the live deposits")
    return found


def _figures(state: State) -> list[str]:
    """Check the order of bankruptcy, liquidation and entry price (I-05, as R28 leaves it)."""
    found = list[str]()
    for held in _filled(state):
        order = held.order
        if not 0 < order.maintenance_margin_sats < order.initial_margin_sats or order.liquidation_price == 0:
            continue
        lower, upper = order.bankruptcy_price, order.entry_price
        if order.side is Side.SHORT:
            lower, upper = order.entry_price, order.bankruptcy_price or float("inf")
        if not lower < order.liquidation_price < upper:
            found.append(f"I-05: {order.uuid} liquidates at {order.liquidation_price}, not in {lower}..{upper}")
    return found


def _pool(state: State) -> list[str]:
    pool, output = state.pool, state.pool.last_output_state
    if output is None:
        return []
    committed = (output.nonce, output.tlv.value, output.tps.value)
    actual = (pool.nonce, max(0, pool.total_locked_value_sats), pool.total_pool_share)
    return [] if committed == actual else [f"I-15: the chain state is {committed}, the pool {actual}"]
