"""Cancelling: resting opens, close limits, stop loss and take profit (engine 3.6).

Cancels are always allowed, also under a halt and without a price (R3).
"""

from collections.abc import Iterator
from dataclasses import replace

from twilight.domain import answers
from twilight.domain.books.state import Legs, Position
from twilight.domain.context import Case, Subject
from twilight.domain.model.commands import CancelCommand, CancelRequest, CancelTraderOrder, CancelTraderOrderSlTp
from twilight.domain.model.errors import Rejected
from twilight.domain.model.events import Event, SetAction, TraderOrderEvent, TxHash
from twilight.domain.model.numbers import price_of_score, score
from twilight.domain.model.orders import OrderStatus, OrderType
from twilight.domain.trading import totals
from twilight.domain.trading.closing import check_not_in_flight
from twilight.domain.trading.legs import Trigger, leg_metadata, removal_event

LEG_AGGREGATES = {
    Trigger.STOP_LOSS: (answers.STOP_LOSS_CANCELLED, "Stop loss cancelled by user", "Stoploss"),
    Trigger.TAKE_PROFIT: (answers.TAKE_PROFIT_CANCELLED, "Take profit cancelled by user", "Takeprofit"),
}


def cancel_order(case: Case, command: CancelCommand) -> Iterator[list[Event]]:
    """Cancel what the request names, or say why not."""
    request = command.request
    subject = Subject(request.uuid, request.account_id, request.order_type, command.request_id)
    try:
        position = _find(case, request)
        events = _cancel(case, position, command, subject)
    except Rejected as why:
        events = [answers.rejected(case, subject, why)]
    yield events


def _find(case: Case, request: CancelRequest) -> Position:
    check_not_in_flight(case, request.uuid, answers.CANCEL_NOT_FOUND)
    position = case.state.positions.get(request.uuid)
    if position is None:
        raise _not_found("Order not found or invalid status")
    if position.order.account_id != request.account_id:
        raise _not_found("Order not found or invalid status: the order belongs to another account")
    return position


def _not_found(reason: str, agg_id: str = answers.CANCEL_NOT_FOUND) -> Rejected:
    return Rejected(OrderStatus.ORDER_NOT_FOUND, reason, agg_id)


def _cancel(case: Case, position: Position, command: CancelCommand, subject: Subject) -> list[Event]:
    pending = position.order.status is OrderStatus.PENDING
    if isinstance(command, CancelTraderOrderSlTp):
        return _cancel_sltp(case, position, command, subject)
    if pending:
        return cancel_open(case, position, command, subject, "User requested cancellation")
    return _cancel_close_limit(case, position, subject)


def _cancel_sltp(case: Case, position: Position, command: CancelTraderOrderSlTp, subject: Subject) -> list[Event]:
    order_type, legs = command.request.order_type, command.legs
    if order_type is OrderType.LIMIT:
        if position.order.status is not OrderStatus.PENDING:
            raise _not_found(f"Order status is {position.order.status}")
        return cancel_open(case, position, command, subject, "User requested cancellation")
    if order_type is not OrderType.SLTP or not (legs.sl or legs.tp):
        raise _not_found(f"nothing to cancel: order_type {order_type}, sl {legs.sl}, tp {legs.tp}")
    return _cancel_legs(case, position, command, subject)


def cancel_open(case: Case, position: Position, command: CancelCommand, subject: Subject, reason: str) -> list[Event]:
    """Return the end of a resting open (3.6, first row)."""
    order = position.order
    cancelled = order.copy()
    cancelled.status, cancelled.timestamp = OrderStatus.CANCELLED, case.conditions.now_iso
    seq = case.state.trader_log_sequence + 1
    record = answers.data(case, subject, OrderStatus.CANCELLED, reason=reason)
    return [
        totals.pending_removed(case, order),
        removal_event(case, SetAction.REMOVE_OPEN_LIMIT, order),
        TraderOrderEvent(cancelled, command, seq, f"remove_order-{order.uuid}", case.metadata),
        TxHash(record, answers.CANCELLED, case.metadata),
    ]


def _cancel_close_limit(case: Case, position: Position, subject: Subject) -> list[Event]:
    order = position.order
    if order.uuid not in Trigger.CLOSE_LIMIT.members(case.state, order.side):
        raise _not_found("No close limit order found", answers.CLOSE_LIMIT_NOT_FOUND)
    reason = "Close limit order cancelled by user"
    record = answers.data(case, subject, OrderStatus.CANCELLED_LIMIT_CLOSE, reason=reason)
    return [
        removal_event(case, SetAction.REMOVE_CLOSE_LIMIT, order),
        TxHash(record, answers.CLOSE_LIMIT_CANCELLED, case.metadata),
    ]


def _cancel_legs(case: Case, position: Position, command: CancelTraderOrderSlTp, subject: Subject) -> list[Event]:
    """Return both removals, then one record per leg that was named: a settled leg, or none to cancel."""
    order = position.order
    removals, records = list[Event](), list[Event]()
    for trigger, named in ((Trigger.STOP_LOSS, command.legs.sl), (Trigger.TAKE_PROFIT, command.legs.tp)):
        if not named:
            continue
        agg_id, reason, word = LEG_AGGREGATES[trigger]
        old_price = _leg_price(case, position, trigger)
        if old_price is None:
            missing = f"{word} order not found or invalid order status for order id: {order.uuid}!!"
            why = _not_found(missing)
            named_leg = replace(case, metadata=leg_metadata(case.metadata, trigger))
            records.append(answers.rejected(named_leg, subject, why))
            continue
        removals.append(removal_event(case, trigger.texts.remove, order))
        record = answers.data(case, subject, trigger.texts.cancelled, reason=reason, old_price=old_price)
        records.append(TxHash(record, agg_id, case.metadata))
    return removals + records


def _leg_price(case: Case, position: Position, trigger: Trigger) -> float | None:
    """Return the leg's price: from its set, or from what waits for the fill (R8)."""
    order = position.order
    if order.status is OrderStatus.PENDING:
        waiting = _waiting_price(position.legs, trigger)
        return None if waiting is None else price_of_score(score(waiting))
    old = trigger.members(case.state, order.side).score(order.uuid)
    return None if old is None else price_of_score(old)


def _waiting_price(legs: Legs | None, trigger: Trigger) -> float | None:
    if legs is None:
        return None
    return legs.sltp.sl if trigger is Trigger.STOP_LOSS else legs.sltp.tp


def halt_command(position: Position) -> CancelTraderOrder:
    """Return the synthesised cancel of an operator's halt: no payload, no request id (11)."""
    order = position.order
    request = CancelRequest(order.account_id, order.uuid, order.order_type, OrderStatus.CANCELLED)
    return CancelTraderOrder(request, {"reason": "Halt"}, "", "")
