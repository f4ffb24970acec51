"""Filling: a tick reaches a resting order (engine 3.2)."""

from collections.abc import Iterator

from twilight.domain import answers
from twilight.domain.books.state import Position
from twilight.domain.context import Case, Subject
from twilight.domain.model.chain import Accepted, Answer, ChainRequest, InFlight, Operation, Refused
from twilight.domain.model.commands import SettleOnLimit
from twilight.domain.model.events import (
    Event,
    SetAction,
    SizeAction,
    SortedSetCommand,
    SortedSetDBUpdate,
    TraderOrderEvent,
    TraderOrderUpdate,
)
from twilight.domain.model.orders import OrderStatus, OrderType, TraderOrder
from twilight.domain.model.pool import PriceTickerOrderFill
from twilight.domain.trading import totals
from twilight.domain.trading.closing import set_legs_after_fill
from twilight.domain.trading.opening import set_figures


def fill_resting(case: Case, position: Position, *, remove_first: bool) -> Iterator[list[Event]]:
    """Fill a resting order at the current price, with the limit fee; a refused one is dropped (3.2)."""
    resting = position.order
    order = resting.copy()
    order.status = OrderStatus.FILLED
    order.entry_price, order.timestamp = case.price, case.conditions.now_iso
    set_figures(case, order, case.state.fees.filled_on_limit)
    events: list[Event] = [_removed_from_open_set(case, resting)] if remove_first else []
    outcome = case.submit(ChainRequest(Operation.FILL, order, position.payload))
    if isinstance(outcome, InFlight):
        subject = Subject(order.uuid, order.account_id, OrderType.LIMIT, position.request_id)
        intent = case.begin(Operation.FILL, subject, None)
        intent.order, intent.payload = order, position.payload
        yield [*events, case.opened(intent)]
        return
    legs = position.legs
    yield [*events, *finish_fill(case, position, order, outcome)]
    if legs is not None and isinstance(outcome, Accepted):
        yield from set_legs_after_fill(case, order.uuid, legs)


def finish_fill(case: Case, position: Position, order: TraderOrder, outcome: Answer) -> list[Event]:
    """Return what the chain's answer to a fill becomes (3.2)."""
    subject = Subject(order.uuid, order.account_id, OrderType.LIMIT, position.request_id)
    if isinstance(outcome, Refused):
        return _dropped(case, position.order, subject, outcome)
    return _filled(case, order, subject, outcome)


def _filled(case: Case, order: TraderOrder, subject: Subject, outcome: Accepted) -> list[Event]:
    price = case.price
    command = PriceTickerOrderFill([order.uuid], case.tick_meta(), price)
    seq = case.state.trader_log_sequence + 1
    return [
        *totals.pending_filled(case, order),
        totals.size_changed(case, order, SizeAction.ADD),
        TraderOrderUpdate(order, command, seq, f"update_order-{order.uuid}", case.metadata),
        answers.done(case, subject, OrderStatus.FILLED, outcome.tx_hash, outcome.output),
    ]


def _dropped(case: Case, order: TraderOrder, subject: Subject, refused: Refused) -> list[Event]:
    """Return the end of a resting order whose fill the chain refused; its exposure is released (W-16)."""
    cancelled = order.copy()
    cancelled.status, cancelled.timestamp = OrderStatus.CANCELLED, case.conditions.now_iso
    command = SettleOnLimit(order, case.tick_meta(), case.price)
    seq = case.state.trader_log_sequence + 1
    reason = f'Error : "{refused.text}", Failed to fill limit order'
    return [
        totals.pending_removed(case, order),
        answers.failed_on_its_own(case, subject, refused.status, reason),
        TraderOrderEvent(cancelled, command, seq, f"remove_order-{order.uuid}", case.metadata),
    ]


def _removed_from_open_set(case: Case, order: TraderOrder) -> SortedSetDBUpdate:
    command = SortedSetCommand(SetAction.REMOVE_OPEN_LIMIT, order.uuid, None, order.side)
    agg_id = f"RemoveOpenLimitPrice-{order.uuid}"
    return SortedSetDBUpdate(command, case.conditions.now_iso, agg_id, case.metadata)
