"""Liquidation: a position that can no longer bear its losses ends, and the pool takes its margin (engine 3.7, 3.8)."""

from twilight.domain import answers
from twilight.domain.books.state import Position
from twilight.domain.context import Case, Subject
from twilight.domain.model.chain import ChainRequest, InFlight, Operation, Refused
from twilight.domain.model.commands import Meta
from twilight.domain.model.events import Event, SetAction, SortedSetDBUpdate, TraderOrderLiquidation, TxHashUpdate
from twilight.domain.model.numbers import round_half_away
from twilight.domain.model.orders import OrderStatus, TraderOrder
from twilight.domain.model.pool import AddTraderOrderLiquidation, PriceTickerLiquidation
from twilight.domain.trading.legs import Trigger, removal_event, retry_metadata, set_event
from twilight.domain.trading.settlement import batch_event, left_the_totals, pool_after, pool_event, trigger_dropped


def liquidate(
    case: Case, position: Position, *, meta: Meta, by_funding: TraderOrder | None = None, in_slices: bool = False
) -> list[Event]:
    """Return the liquidation at the current price: the pool takes the whole margin (3.7, 3.8, 2.10).

    ``by_funding`` is the order as the funding pass has just charged it; ``in_slices`` tells that the record of this
    comes whether or not the position ends.
    """
    price = case.price
    order = by_funding or position.order
    pool = case.state.pool
    ended = order.copy()
    ended.status = OrderStatus.LIQUIDATE
    ended.available_margin_sats = 0.0
    ended.liquidation_price = ended.settlement_price = price
    payment = -order.initial_margin_sats
    after = pool_after(pool, round_half_away(payment))
    request = ChainRequest(Operation.LIQUIDATE, ended, position.memo, pool.last_output_state, after.last_output_state)
    outcome = case.submit(request)
    subject = Subject(order.uuid, order.account_id, order.order_type, "")
    if isinstance(outcome, InFlight):
        intent = case.begin(Operation.LIQUIDATE, subject, None)
        intent.order, intent.payload, intent.meta, intent.charged = ended, position.memo, meta, by_funding
        intent.in_slices = in_slices
        intent.last_state, intent.next_state = request.last_state, request.next_state
        return [case.opened(intent)]
    if isinstance(outcome, Refused):
        reason = f'Error : "{outcome.text}", liquidation failed'
        return [answers.failed_on_its_own(case, subject, outcome.status, reason)]
    ticker = PriceTickerLiquidation([order.uuid], meta, price)
    command = AddTraderOrderLiquidation(ticker, ended, payment, after.last_output_state)
    stamped = ended.copy()
    stamped.exit_nonce, stamped.timestamp = after.nonce, case.conditions.now_iso
    seq = case.state.trader_log_sequence + 1
    first, second = left_the_totals(case, order)
    from_the_set: list[Event] = (
        [removal_event(case, SetAction.REMOVE_LIQUIDATION, order)] if by_funding is not None else []
    )
    return [
        first,
        second,
        *from_the_set,
        *liquidation_triggers_dropped(case, position),
        batch_event(case, command, payment, f"AddTraderOrderLiquidation-{order.uuid}", case.metadata),
        TraderOrderLiquidation(stamped, ticker, seq, f"remove_order-{order.uuid}", case.metadata),
        pool_event(case, after),
        answers.done(case, subject, OrderStatus.LIQUIDATE, outcome.tx_hash),
    ]


def was_refused(events: list[Event]) -> bool:
    """Return whether the chain refused to end the position: then the report of it is all there is."""
    return isinstance(events[0], TxHashUpdate)


def liquidation_triggers_dropped(case: Case, position: Position) -> list[Event]:
    """Return a removal and a record, with the order's own type, for each trigger of a liquidated position."""
    order, events = position.order, list[Event]()
    for trigger in Trigger:
        old = trigger.members(case.state, order.side).score(order.uuid)
        if old is not None:
            subject = Subject(order.uuid, order.account_id, order.order_type, trigger.request_id(position))
            events += trigger_dropped(case, order, trigger, old, subject)
    return events


def liquidation_put_back(case: Case, order: TraderOrder) -> SortedSetDBUpdate:
    """Return the event that puts a refused liquidation back into its set, with back-off (R9, W-27)."""
    return set_event(
        case,
        SetAction.ADD_LIQUIDATION,
        order,
        order.liquidation_price,
        retry_metadata(case, order.uuid),
    )
