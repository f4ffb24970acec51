"""Closing on request: at once, or by setting and replacing triggers (engine 3.3)."""

from collections.abc import Iterator
from dataclasses import replace

from twilight.domain import answers
from twilight.domain.books.state import Legs, Position
from twilight.domain.context import Case, Subject
from twilight.domain.model.chain import PayloadError
from twilight.domain.model.commands import CloseCommand, CloseRequest, ExecuteTraderOrderSlTp, SlTp
from twilight.domain.model.errors import Rejected
from twilight.domain.model.events import Event, TraderOrderLimitUpdate, TxHash
from twilight.domain.model.inputs import CommandInput
from twilight.domain.model.numbers import price_of_score
from twilight.domain.model.orders import FILLED, LIMIT, LONG, MARKET, SLTP, OrderStatus, Side, TraderOrder
from twilight.domain.trading import risk
from twilight.domain.trading.legs import Trigger, set_event
from twilight.domain.trading.settlement import Close, settle


def close_position(case: Case, source: CommandInput, command: CloseCommand) -> Iterator[list[Event]]:
    """Settle at the current price, set or replace triggers, or say why not (3.3)."""
    request = command.request
    subject = Subject(request.uuid, request.account_id, request.order_type, command.request_id)
    try:
        position = admit_close(case, command, source.broker_time_ms)
    except Rejected as why:
        yield [answers.rejected(case, subject, why)]
        return
    yield execute(case, position, command)


def admit_close(case: Case, command: CloseCommand, broker_time_ms: int | None) -> Position:
    """Return the position that the request may close; refuse in the order of R24."""
    request = command.request
    _check_prices(command)
    risk.check_age(case, broker_time_ms)
    risk.gate_close(case)
    check_not_in_flight(case, request.uuid, answers.CLOSE_NOT_FOUND)
    position = case.state.position(request.uuid)
    if position is None or position.order.status is not FILLED:
        raise not_found("Order not found or invalid status")
    if position.order.account_id != request.account_id:
        raise not_found("Order not found or invalid status: the order belongs to another account")
    if request.order_type not in (MARKET, LIMIT, SLTP):
        raise not_found(f"order_type must be MARKET, LIMIT or SLTP, was {request.order_type}")
    if request.order_type is SLTP and not any(_leg_prices(command).values()):
        raise risk.wrong("sl or tp", "given", None)
    check_settle_owner(case, command.payload, request.account_id, answers.CLOSE_NOT_FOUND)
    return position


def not_found(reason: str) -> Rejected:
    """Return the refusal of a close whose order is not there, or not the caller's."""
    return Rejected(OrderStatus.ORDER_NOT_FOUND, reason, answers.CLOSE_NOT_FOUND)


def check_not_in_flight(case: Case, uuid: str, agg_id: str) -> None:
    """Refuse a command on an order that the chain is being asked about (C11)."""
    if uuid in case.state.intents:
        raise Rejected(OrderStatus.ORDER_NOT_FOUND, "IN_FLIGHT the chain has not answered yet", agg_id)


def check_settle_owner(
    case: Case,
    payload: str,
    account_id: str,
    agg_id: str,
    status: OrderStatus = OrderStatus.ORDER_NOT_FOUND,
) -> None:
    """Refuse a settle message that does not decode, or whose memo is another account's (W-03, C13)."""
    try:
        owner = case.context.chain.settle_owner(payload)
    except PayloadError as error:
        raise Rejected(OrderStatus.SERIALIZATION_ERROR, str(error), answers.ERROR) from error
    if owner is not None and owner != account_id:
        raise Rejected(status, "the settle memo belongs to another account", agg_id)


def _check_prices(command: CloseCommand) -> None:
    request = command.request
    if request.order_type is LIMIT:
        risk.check_price("execution_price", request.execution_price)
    elif request.order_type is SLTP:
        for trigger, price in _leg_prices(command).items():
            if price is not None:
                risk.check_price(trigger.texts.name, price)


def _leg_prices(command: CloseCommand) -> dict[Trigger, float | None]:
    sltp = command.sltp if isinstance(command, ExecuteTraderOrderSlTp) and command.sltp else SlTp(None, None)
    return {Trigger.STOP_LOSS: sltp.sl, Trigger.TAKE_PROFIT: sltp.tp}


def execute(case: Case, position: Position, command: CloseCommand) -> list[Event]:
    """Return the events of an admitted close request: one settlement, or triggers set (3.3)."""
    close = close_at_once(case, position, command)
    if close is not None:
        return wait(case, position.order, command) if case.must_wait_for_the_pool else settle(case, position, close)
    return set_triggers(case, position, command, _wanted_triggers(command))


def wait(case: Case, order: TraderOrder, command: CloseCommand) -> list[Event]:
    """Return the event that the close waits for the pool's turn (C11)."""
    subject = Subject(order.uuid, order.account_id, command.request.order_type, command.request_id)
    return [case.opened(case.begin(None, subject, command))]


def close_at_once(case: Case, position: Position, command: CloseCommand) -> Close | None:
    """Return how the request closes now, None if it only sets triggers; both legs holding is still one close (W-01)."""
    wanted = _wanted_triggers(command)
    side = position.order.side
    if wanted and not any(holds(trigger, side, price, case.price) for trigger, price in wanted.items()):
        return None
    return Close(fee_at_once(case, limit=command.request.order_type is LIMIT), command=command)


def _wanted_triggers(command: CloseCommand) -> dict[Trigger, float]:
    order_type = command.request.order_type
    if order_type is LIMIT:
        return {Trigger.CLOSE_LIMIT: command.request.execution_price}
    if order_type is SLTP:
        return {trigger: price for trigger, price in _leg_prices(command).items() if price is not None}
    return {}


def holds(trigger: Trigger, side: Side, trigger_price: float, price: float) -> bool:
    """Return whether a trigger is met at this price: a stop loss against the position, the others in its favour."""
    falls = (side is LONG) is (trigger is Trigger.STOP_LOSS)
    return trigger_price >= price if falls else trigger_price <= price


def fee_at_once(case: Case, *, limit: bool) -> float:
    """Return the fee level of a close that executes at once (2.7, R18)."""
    fees = case.state.fees
    if case.context.profile.settled_fees:
        return fees.settled_on_market
    return fees.filled_on_limit if limit else fees.filled_on_market


def fee_when_fired(case: Case, trigger: Trigger) -> float:
    """Return the fee level of a close that a tick fired (W-20, R18)."""
    fees = case.state.fees
    if not case.context.profile.settled_fees:
        return fees.filled_on_market
    return fees.settled_on_limit if trigger is Trigger.CLOSE_LIMIT else fees.settled_on_market


def set_triggers(case: Case, position: Position, command: CloseCommand, wanted: dict[Trigger, float]) -> list[Event]:
    """Return the events that set or replace triggers; the command's payload will settle when one fires (3.3)."""
    order, events = position.order, list[Event]()
    for trigger, price in wanted.items():
        events += _set_trigger(case, order, trigger, price, command.request_id)
    seq = case.state.trader_log_sequence + 1
    agg_id = f"settle_limit_order-{order.uuid}"
    events.append(TraderOrderLimitUpdate(order, command, seq, agg_id, case.metadata))
    return events


def _set_trigger(case: Case, order: TraderOrder, trigger: Trigger, price: float, request_id: str) -> list[Event]:
    texts = trigger.texts
    old = trigger.members(case.state, order.side).score(order.uuid)
    action = texts.add if old is None else texts.update
    record = answers.data(
        case,
        Subject(order.uuid, order.account_id, texts.record_type, request_id),
        texts.added if old is None else texts.updated,
        reason=texts.add_reason if old is None else texts.update_reason,
        old_price=None if old is None else price_of_score(old),
        new_price=price,
    )
    agg_id = f"{action.value}-{order.uuid}" if old is None else f"{texts.updated_agg}-{order.uuid}"
    return [set_event(case, action, order, price), TxHash(record, agg_id, case.metadata)]


def set_legs_after_fill(case: Case, uuid: str, legs: Legs) -> Iterator[list[Event]]:
    """Run 3.3 for the stop loss and take profit that came with a create, without the gate (3.1, R8)."""
    position = case.state.position(uuid)
    if position is None:
        return
    order = position.order
    request = CloseRequest(order.account_id, uuid, SLTP, 0.0, FILLED, 0.0)
    command = ExecuteTraderOrderSlTp(request, legs.sltp, legs.meta, legs.settle_message, legs.request_id)
    metadata = case.metadata if case.metadata and "request_id" in case.metadata else {"set_by": legs.request_id}
    if legs.sltp.sl is not None or legs.sltp.tp is not None:
        yield execute(replace(case, metadata=metadata), position, command)
