"""One order that cannot be judged does not stop the others (docs/decisions/tick-isolation.md).

A tick and an hour of funding decide on many orders, one after the other. If the engine fails on one of them, before
any of its events was applied, the order is reported, put back and tried again with back-off, and the rest goes on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from twilight.domain import answers
from twilight.domain.context import Case, Subject
from twilight.domain.model.errors import NotWritable
from twilight.domain.model.events import Event, TxHashUpdate
from twilight.domain.model.orders import OrderStatus, TraderOrder

NOT_JUDGED = "order_not_judged"
"""How the aggregate of the report begins: an operator is woken by it."""

FAULTS = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, NotWritable)
"""What a fault of ours looks like; `Corrupt` is none of them: the state itself is then in doubt, and the core stops."""


def isolated(
    case: Case, order: TraderOrder, steps: Iterable[Sequence[Event]], put_back: Callable[[], list[Event]]
) -> Iterator[Sequence[Event]]:
    """Yield an order's decisions; one that cannot be made, or written down, becomes a report.

    Whoever applies them throws `NotWritable` into this when the wire cannot carry one. ``put_back`` gives the events
    that restore what the tick has taken out of its sets; they are not needed once a decision was applied.
    """
    applied = False
    try:
        for step in steps:
            yield step
            applied = True
    except FAULTS as fault:
        report = not_judged(case, order, fault)
        yield [report] if applied else [report, *put_back()]


def not_judged(case: Case, order: TraderOrder, fault: Exception) -> TxHashUpdate:
    """Return the report that the engine failed on an order."""
    subject = Subject(order.uuid, order.account_id, order.order_type, "")
    reason = f"the order could not be judged and is tried again: {type(fault).__name__}: {fault}"
    record = answers.data(case, subject, OrderStatus.ERROR, reason=reason.replace("\0", ""))
    return TxHashUpdate(record, f"{NOT_JUDGED}-{order.uuid}", case.metadata)
