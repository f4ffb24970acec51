"""What-if: what the engine would do with a request, by the engine's own code, changing nothing (issue 4, item 8)."""

from dataclasses import dataclass

from twilight.domain.books.state import State
from twilight.domain.context import Case, Context, Subject
from twilight.domain.model import formulas
from twilight.domain.model.commands import CloseCommand, OpenCommand
from twilight.domain.model.errors import Rejected
from twilight.domain.model.inputs import Conditions
from twilight.domain.model.orders import NIL_UUID, OrderStatus, TraderOrder
from twilight.domain.trading.closing import admit_close, close_at_once
from twilight.domain.trading.opening import admit, check_account, converted_type, new_order
from twilight.domain.trading.settlement import settlement_of


@dataclass(frozen=True, slots=True)
class OpenPreview:
    """The order as it would enter the book, or the status and the exact reason of its refusal."""

    status: OrderStatus
    reason: str | None = None
    order: TraderOrder | None = None
    value_sats: int = 0


@dataclass(frozen=True, slots=True)
class ClosePreview:
    """What a close at the current price would pay, or why nothing would be paid now.

    `status` is SETTLED, FILLED where triggers would be set instead, or that of the refusal.
    """

    status: OrderStatus
    reason: str | None = None
    price: float = 0.0
    settlement: formulas.Settlement | None = None


def simulate_open(state: State, command: OpenCommand, conditions: Conditions, context: Context) -> OpenPreview:
    """Return fill, fee, margin, liquidation and bankruptcy price of an open, or why it would be refused."""
    case = Case(state, conditions, context)
    order_type, request = converted_type(case, command), command.request
    try:
        admit(case, command, order_type, None)
        check_account(case, request.account_id)
    except Rejected as why:
        return OpenPreview(why.status, why.reason)
    subject = Subject(NIL_UUID, request.account_id, order_type, command.request_id)
    order = new_order(case, command, subject, order_type)
    value = int(formulas.entry_value(order.initial_margin_sats, order.leverage))
    return OpenPreview(order.status, None, order, value)


def simulate_close(state: State, command: CloseCommand, conditions: Conditions, context: Context) -> ClosePreview:
    """Return what a close would pay at the current price, or why it would be refused."""
    case = Case(state, conditions, context)
    try:
        position = admit_close(case, command, None)
    except Rejected as why:
        return ClosePreview(why.status, why.reason)
    close = close_at_once(case, position, command)
    if close is None:
        return ClosePreview(OrderStatus.FILLED, "a trigger would be set", case.price)
    return ClosePreview(OrderStatus.SETTLED, None, case.price, settlement_of(case, position, close))
