"""Closing: at the market, by a close limit, stop loss or take profit, or by liquidation (engine 3.3 to 3.5, 3.7)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from twilight.domain import answers, formulas, risk, totals
from twilight.domain.answers import Subject
from twilight.domain.chain import (
    Accepted,
    ChainRequest,
    Operation,
    PayloadError,
    Refused,
    next_state,
)
from twilight.domain.commands import (
    CloseCommand,
    CloseRequest,
    ExecuteTraderOrder,
    ExecuteTraderOrderSlTp,
    Meta,
    SettleOnLimit,
    SlTp,
)
from twilight.domain.context import Case
from twilight.domain.errors import Rejected
from twilight.domain.evolve import close_limit_set, stop_loss_set, take_profit_set
from twilight.domain.events import (
    Event,
    Metadata,
    PoolUpdate,
    SetAction,
    SizeAction,
    SortedSetCommand,
    SortedSetDBUpdate,
    TraderOrderEvent,
    TraderOrderLimitUpdate,
    TraderOrderLiquidation,
    TxHash,
)
from twilight.domain.inputs import CommandInput
from twilight.domain.numbers import price_of_score, round_half_away, score, unsigned
from twilight.domain.orders import OrderStatus, OrderType, Side, TraderOrder
from twilight.domain.pool import (
    AddTraderLimitOrderSettlement,
    AddTraderOrderLiquidation,
    AddTraderOrderSettlement,
    BatchExecuteTraderOrder,
    LendPool,
    LendPoolCommand,
    PoolBatchOrder,
    PriceTickerLiquidation,
    PriceTickerOrderSettle,
    RpcCommandPoolupdate,
)
from twilight.domain.state import Legs, Position, State
from twilight.domain.triggers import TriggerSet


@dataclass(frozen=True, slots=True)
class TriggerTexts:
    """How one kind of trigger is written in events and records."""

    name: str
    add: SetAction
    update: SetAction
    remove: SetAction
    kind: OrderType
    """The kind of a settlement that this trigger caused."""
    record_type: OrderType
    added: OrderStatus
    updated: OrderStatus
    cancelled: OrderStatus
    add_reason: str
    update_reason: str
    settled_reason: str
    updated_agg: str
    halt_agg: str


class Trigger(Enum):
    """The three triggers of a position, in the order in which they are handled (3.4)."""

    CLOSE_LIMIT = TriggerTexts(
        "close limit",
        SetAction.ADD_CLOSE_LIMIT,
        SetAction.UPDATE_CLOSE_LIMIT,
        SetAction.REMOVE_CLOSE_LIMIT,
        OrderType.LIMIT,
        OrderType.LIMIT,
        OrderStatus.LIMIT_PRICE_ADDED,
        OrderStatus.LIMIT_PRICE_UPDATED,
        OrderStatus.CANCELLED_LIMIT_CLOSE,
        "Add Close limit price",
        "Close limit price replaced",
        "Close limit cancelled on order settlement",
        "LimitPriceUpdated",
        "HaltRemoveCloseLimitPrice",
    )
    STOP_LOSS = TriggerTexts(
        "stop loss",
        SetAction.ADD_STOP_LOSS,
        SetAction.UPDATE_STOP_LOSS,
        SetAction.REMOVE_STOP_LOSS,
        OrderType.STOP_LOSS,
        OrderType.SLTP,
        OrderStatus.STOP_LOSS_ADDED,
        OrderStatus.STOP_LOSS_UPDATED,
        OrderStatus.CANCELLED_STOP_LOSS,
        "Add Stop loss price",
        "Stop loss price replaced",
        "Stop loss cancelled on order settlement",
        "StopLossUpdated",
        "HaltRemoveSLCloseLIMITPrice",
    )
    TAKE_PROFIT = TriggerTexts(
        "take profit",
        SetAction.ADD_TAKE_PROFIT,
        SetAction.UPDATE_TAKE_PROFIT,
        SetAction.REMOVE_TAKE_PROFIT,
        OrderType.TAKE_PROFIT,
        OrderType.SLTP,
        OrderStatus.TAKE_PROFIT_ADDED,
        OrderStatus.TAKE_PROFIT_UPDATED,
        OrderStatus.CANCELLED_TAKE_PROFIT,
        "Add Take profit price",
        "Take profit price replaced",
        "Take profit cancelled on order settlement",
        "TakeProfitUpdated",
        "HaltRemoveTPCloseLIMITPrice",
    )

    @property
    def texts(self) -> TriggerTexts:
        """Return how it is written."""
        return self.value

    def members(self, state: State, side: Side) -> TriggerSet:
        """Return the set that holds this trigger of a side's positions."""
        if self is Trigger.CLOSE_LIMIT:
            return close_limit_set(state, side)
        return stop_loss_set(state, side) if self is Trigger.STOP_LOSS else take_profit_set(state, side)

    def request_id(self, position: Position) -> str:
        """Return the request that last set this trigger (R26)."""
        if self is Trigger.CLOSE_LIMIT:
            return position.close_limit_request_id
        if self is Trigger.STOP_LOSS:
            return position.stop_loss_request_id
        return position.take_profit_request_id


Scores = dict[Trigger, int]
"""The scores of triggers that a tick has fired, by kind."""


@dataclass(slots=True)
class Close:
    """Why and how a position is being closed: by which command, or by which fired trigger."""

    fee_pct: float
    command: CloseCommand | None = None
    trigger: Trigger | None = None
    fired: Scores = field(default_factory=dict)

    @property
    def record_type(self) -> OrderType:
        """Return the order type of the records: MARKET for a request, else the trigger's kind (3.4, 3.5)."""
        return self.trigger.texts.kind if self.trigger is not None else OrderType.MARKET


# --- requests --------------------------------------------------------------------------------------------------------


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
    position = case.state.positions.get(request.uuid)
    if position is None or position.order.status is not OrderStatus.FILLED:
        raise not_found("Order not found or invalid status")
    if position.order.account_id != request.account_id:
        raise not_found("Order not found or invalid status: the order belongs to another account")
    if request.order_type not in {OrderType.MARKET, OrderType.LIMIT, OrderType.SLTP}:
        raise not_found(f"order_type must be MARKET, LIMIT or SLTP, was {request.order_type}")
    if request.order_type is OrderType.SLTP and not any(_leg_prices(command).values()):
        raise risk.wrong("sl or tp", "given", None)
    check_settle_owner(case, command.payload, request.account_id, answers.CLOSE_NOT_FOUND)
    return position


def not_found(reason: str) -> Rejected:
    """Return the refusal of a close whose order is not there, or not the caller's."""
    return Rejected(OrderStatus.ORDER_NOT_FOUND, reason, answers.CLOSE_NOT_FOUND)


def check_settle_owner(case: Case, payload: str, account_id: str, agg_id: str) -> None:
    """Refuse a settle message that does not decode, or whose memo is another account's (W-03, C13)."""
    try:
        owner = case.context.chain.settle_owner(payload)
    except PayloadError as error:
        raise Rejected(OrderStatus.SERIALIZATION_ERROR, str(error), answers.ERROR) from error
    if owner is not None and owner != account_id:
        raise Rejected(OrderStatus.ORDER_NOT_FOUND, "the settle memo belongs to another account", agg_id)


def _check_prices(command: CloseCommand) -> None:
    request = command.request
    if request.order_type is OrderType.LIMIT:
        risk.check_price("execution_price", request.execution_price)
    elif request.order_type is OrderType.SLTP:
        for trigger, price in _leg_prices(command).items():
            if price is not None:
                risk.check_price(trigger.texts.name, price)


def _leg_prices(command: CloseCommand) -> dict[Trigger, float | None]:
    sltp = command.sltp if isinstance(command, ExecuteTraderOrderSlTp) and command.sltp else SlTp(None, None)
    return {Trigger.STOP_LOSS: sltp.sl, Trigger.TAKE_PROFIT: sltp.tp}


def execute(case: Case, position: Position, command: CloseCommand) -> list[Event]:
    """Return the events of an admitted close request: one settlement, or triggers set (3.3)."""
    wanted = _wanted_triggers(command)
    at_once = not wanted or any(
        holds(trigger, position.order.side, price, case.price) for trigger, price in wanted.items()
    )
    if at_once:
        limit = command.request.order_type is OrderType.LIMIT
        return settle(case, position, Close(fee_at_once(case, limit=limit), command=command))
    return set_triggers(case, position, command, wanted)


def _wanted_triggers(command: CloseCommand) -> dict[Trigger, float]:
    order_type = command.request.order_type
    if order_type is OrderType.LIMIT:
        return {Trigger.CLOSE_LIMIT: command.request.execution_price}
    if order_type is OrderType.SLTP:
        return {trigger: price for trigger, price in _leg_prices(command).items() if price is not None}
    return {}


def holds(trigger: Trigger, side: Side, trigger_price: float, price: float) -> bool:
    """Return whether a trigger is met at this price: a stop loss against the position, the others in its favour."""
    falls = (side is Side.LONG) is (trigger is Trigger.STOP_LOSS)
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


ADD_AGG = "AddCloseLimitPrice"
UPDATE_AGG = "UpdateCloseLimitPrice"


def set_event(
    case: Case, action: SetAction, order: TraderOrder, price: float, metadata: Metadata | None = None
) -> SortedSetDBUpdate:
    """Return the event that a trigger was put; all three kinds share the close limit's aggregate (wire 1.5)."""
    command = SortedSetCommand(action, order.uuid, price, order.side)
    if action is SetAction.ADD_LIQUIDATION:
        agg_id = f"{action.value}-{order.uuid}"
    else:
        agg_id = f"{ADD_AGG if action.value.startswith('Add') else UPDATE_AGG}-{order.uuid}"
    return SortedSetDBUpdate(command, case.conditions.now_iso, agg_id, metadata or case.metadata)


def removal_event(case: Case, action: SetAction, order: TraderOrder, name: str = "") -> SortedSetDBUpdate:
    """Return the event that a trigger was taken out."""
    command = SortedSetCommand(action, order.uuid, None, order.side)
    agg_id = f"{name or action.value}-{order.uuid}"
    return SortedSetDBUpdate(command, case.conditions.now_iso, agg_id, case.metadata)


def set_legs_after_fill(case: Case, uuid: str, legs: Legs) -> Iterator[list[Event]]:
    """Run 3.3 for the stop loss and take profit that came with a create, without the gate (3.1, R8)."""
    position = case.state.positions[uuid]
    order = position.order
    request = CloseRequest(order.account_id, uuid, OrderType.SLTP, 0.0, OrderStatus.FILLED, 0.0)
    command = ExecuteTraderOrderSlTp(request, legs.sltp, legs.meta, legs.settle_message, legs.request_id)
    metadata = case.metadata if case.metadata and "request_id" in case.metadata else {"set_by": legs.request_id}
    if legs.sltp.sl is not None or legs.sltp.tp is not None:
        yield execute(replace(case, metadata=metadata), position, command)


# --- settlement ------------------------------------------------------------------------------------------------------


def settle(case: Case, position: Position, close: Close) -> list[Event]:
    """Return the settlement at the current price, or the chain's refusal (3.4, 3.5)."""
    order, pool, profile = position.order, case.state.pool, case.context.profile
    price = case.price
    caps = formulas.Caps(profile.whole_payment, profile.capped_loss, profile.capped_win, pool.total_locked_value_sats)
    paid = formulas.settlement(
        formulas.unrealized_pnl(order.position_size, order.entry_price, price, order.side),
        order.initial_margin_sats,
        order.available_margin_sats,
        formulas.fee(close.fee_pct, order.position_size, price),
        caps,
    )
    settled = replace(
        order,
        status=OrderStatus.SETTLED,
        available_margin_sats=float(paid.payout_sats),
        unrealized_pnl_sats=float(paid.pnl_sats),
        settlement_price=price,
        fee_settled_sats=paid.fee_sats,
    )
    after = pool_after(pool, paid.pool_pays_sats)
    request = ChainRequest(
        Operation.SETTLE,
        settled,
        close.command.payload if close.command is not None else position.payload,
        pool.last_output_state,
        after.last_output_state,
        unsigned(paid.payout_sats),
    )
    outcome = case.context.chain.submit(request)
    if isinstance(outcome, Refused):
        return _settlement_failed(case, position, close, outcome)
    return _settled(case, position, settled, close, paid, after, outcome)


def pool_after(pool: LendPool, pays_sats: int) -> LendPool:
    """Return the pool after it has paid, two events further (2.9)."""
    tlv = pool.total_locked_value_sats - pays_sats
    return LendPool(
        pool.sequence,
        pool.nonce + 1,
        pool.total_pool_share,
        tlv,
        PoolBatchOrder(),
        pool.log_sequence + 2,
        pool.last_snapshot_id,
        next_state(pool, unsigned(tlv), pool.total_pool_share),
    )


def _settled(  # noqa: PLR0913, PLR0917  # one settlement's parts
    case: Case,
    position: Position,
    settled: TraderOrder,
    close: Close,
    paid: formulas.Settlement,
    after: LendPool,
    outcome: Accepted,
) -> list[Event]:
    numbered = replace(settled, exit_nonce=after.nonce)
    stamped = replace(numbered, timestamp=case.conditions.now_iso)
    agg_id, pool_command = _pool_command(case, settled, close, paid.payment_sats, after)
    metadata = case.metadata
    if paid.shortfall_sats:
        metadata = {**(metadata or {}), "shortfall_sats": str(paid.shortfall_sats)}
    command = close.command or SettleOnLimit(numbered, case.tick_meta(), case.price)
    seq = case.state.trader_log_sequence + 1
    subject = Subject(settled.uuid, settled.account_id, close.record_type, _request_id(position, close))
    report = answers.succeeded if close.command is not None else answers.done
    return [
        *left_the_totals(case, settled),
        *triggers_dropped(case, position, close),
        batch_event(case, pool_command, paid.payment_sats, agg_id, metadata),
        TraderOrderEvent(stamped, command, seq, f"remove_order-{settled.uuid}", case.metadata),
        pool_event(case, after),
        report(case, subject, OrderStatus.SETTLED, outcome.tx_hash),
    ]


def _request_id(position: Position, close: Close) -> str:
    if close.command is not None:
        return close.command.request_id
    return close.trigger.request_id(position) if close.trigger is not None else ""


def _pool_command(
    case: Case, settled: TraderOrder, close: Close, payment_sats: float, after: LendPool
) -> tuple[str, LendPoolCommand]:
    state_after = after.last_output_state
    if close.command is not None:
        command = AddTraderOrderSettlement(close.command, settled, payment_sats, state_after)
        return "AddTraderOrderSettlement", command
    ticker = PriceTickerOrderSettle([settled.uuid], case.tick_meta(), case.price, close.record_type)
    return "AddTraderLimitOrderSettlement", AddTraderLimitOrderSettlement(ticker, settled, payment_sats, state_after)


def left_the_totals(case: Case, order: TraderOrder) -> list[Event]:
    """Return the first two events of every end of a position."""
    return [totals.size_changed(case, order, SizeAction.REMOVE), totals.exposure_removed(case, order)]


def triggers_dropped(case: Case, position: Position, close: Close) -> list[Event]:
    """Return a removal and a record for each other trigger of a position that ends (3.4, R10, R26)."""
    order, events = position.order, list[Event]()
    for trigger in Trigger:
        if trigger is close.trigger:
            continue
        old = trigger.members(case.state, order.side).score(order.uuid)
        old = close.fired.get(trigger) if old is None else old
        if old is not None:
            request_id = close.command.request_id if close.command else trigger.request_id(position)
            subject = Subject(order.uuid, order.account_id, close.record_type, request_id)
            events += _dropped(case, order, trigger, old, subject)
    return events


def _dropped(case: Case, order: TraderOrder, trigger: Trigger, old: int, subject: Subject) -> list[Event]:
    texts = trigger.texts
    record = answers.data(case, subject, texts.cancelled, reason=texts.settled_reason, old_price=price_of_score(old))
    agg_id = f"{texts.cancelled.value}-{order.uuid}"
    return [removal_event(case, texts.remove, order), TxHash(record, agg_id, case.metadata)]


def batch_event(
    case: Case, command: LendPoolCommand, payment_sats: float, agg_id: str, metadata: Metadata | None
) -> PoolUpdate:
    """Return the first pool event of a settlement: amounts still old, the command pending."""
    pool = case.state.pool
    pending = PoolBatchOrder(0, 1, payment_sats, [command])
    seq = pool.log_sequence + 1
    waiting = replace(pool, pending_orders=pending, log_sequence=seq)
    return PoolUpdate(command, waiting, seq, agg_id, metadata)


def pool_event(case: Case, after: LendPool) -> PoolUpdate:
    """Return the second pool event of a settlement: amounts, nonce and chain state new."""
    command = BatchExecuteTraderOrder(RpcCommandPoolupdate())
    agg_id = f"RpcCommandPoolupdate-nonce-{after.nonce}"
    return PoolUpdate(command, after, after.log_sequence, agg_id, case.metadata)


def _settlement_failed(case: Case, position: Position, close: Close, refused: Refused) -> list[Event]:
    order = position.order
    reason = f'Error : "{refused.text}", Failed to settle trader order'
    if close.command is not None:
        subject = Subject(order.uuid, order.account_id, order.order_type, close.command.request_id)
        return [answers.failed(case, subject, refused.status, reason)]
    subject = Subject(order.uuid, order.account_id, close.record_type, _request_id(position, close))
    return [
        answers.failed_on_its_own(case, subject, refused.status, reason),
        *_put_back(case, position, close),
    ]


def _put_back(case: Case, position: Position, close: Close) -> list[Event]:
    """Return the events that restore what the tick fired, to be tried again with back-off (R9, W-27)."""
    order, events = position.order, list[Event]()
    for trigger, fired in close.fired.items():
        metadata = retry_metadata(case, order.uuid) if trigger is close.trigger else {}
        metadata["set_by"] = trigger.request_id(position)
        events.append(set_event(case, trigger.texts.add, order, price_with_score(fired), metadata))
    return events


def retry_metadata(case: Case, uuid: str) -> Metadata:
    """Return the metadata that counts how often this was tried."""
    retry = case.state.retries.get(uuid)
    return {"retry": str(retry.attempts + 1 if retry else 1)}


def price_with_score(value: int) -> float:
    """Return a price that sits under exactly this score, whatever the division rounds to."""
    price = price_of_score(value)
    if score(price) == value:
        return price
    return (value + 0.5) / 10_000  # the middle of the score's interval


# --- liquidation -----------------------------------------------------------------------------------------------------


def liquidate(case: Case, position: Position, *, meta: Meta, by_funding: TraderOrder | None = None) -> list[Event]:
    """Return the liquidation at the current price: the pool takes the whole margin (3.7, 3.8, 2.10).

    ``by_funding`` is the order as the funding pass has just charged it.
    """
    price = case.price
    order = by_funding or position.order
    pool = case.state.pool
    ended = replace(
        order,
        status=OrderStatus.LIQUIDATE,
        available_margin_sats=0.0,
        liquidation_price=price,
        settlement_price=price,
    )
    payment = -order.initial_margin_sats
    after = pool_after(pool, round_half_away(payment))
    request = ChainRequest(Operation.LIQUIDATE, ended, position.memo, pool.last_output_state, after.last_output_state)
    outcome = case.context.chain.submit(request)
    subject = Subject(order.uuid, order.account_id, order.order_type, "")
    if isinstance(outcome, Refused):
        reason = f'Error : "{outcome.text}", liquidation failed'
        return [answers.failed_on_its_own(case, subject, outcome.status, reason)]
    ticker = PriceTickerLiquidation([order.uuid], meta, price)
    command = AddTraderOrderLiquidation(ticker, ended, payment, after.last_output_state)
    stamped = replace(ended, exit_nonce=after.nonce, timestamp=case.conditions.now_iso)
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


def liquidation_triggers_dropped(case: Case, position: Position) -> list[Event]:
    """Return a removal and a record, with the order's own type, for each trigger of a liquidated position."""
    order, events = position.order, list[Event]()
    for trigger in Trigger:
        old = trigger.members(case.state, order.side).score(order.uuid)
        if old is not None:
            subject = Subject(order.uuid, order.account_id, order.order_type, trigger.request_id(position))
            events += _dropped(case, order, trigger, old, subject)
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


__all__ = ["ExecuteTraderOrder", "Trigger", "close_position", "liquidate", "settle"]
