"""The three triggers of a position: close limit, stop loss, take profit; how each is written (engine 3.3, 3.4)."""

from dataclasses import dataclass
from enum import Enum

from twilight.domain.books.sets import close_limit_set, stop_loss_set, take_profit_set
from twilight.domain.books.state import Position, State
from twilight.domain.books.triggers import TriggerSet
from twilight.domain.context import Case
from twilight.domain.model.events import Metadata, SetAction, SortedSetCommand, SortedSetDBUpdate
from twilight.domain.model.numbers import price_of_score, score
from twilight.domain.model.orders import OrderStatus, OrderType, Side, TraderOrder


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


TRIGGERS = tuple(Trigger)
"""In their order, for those who go through them often."""

Scores = dict[Trigger, int]
"""The scores of triggers that a tick has fired, by kind."""


ADD_AGG = "AddCloseLimitPrice"
UPDATE_AGG = "UpdateCloseLimitPrice"
_LEG_NAMES = {Trigger.STOP_LOSS: "sl", Trigger.TAKE_PROFIT: "tp"}
_LEG_OF = {action: leg for leg in _LEG_NAMES for action in (leg.texts.add, leg.texts.update)}


def leg_metadata(metadata: Metadata | None, leg: Trigger) -> Metadata:
    """Return the metadata with the leg named: of two records of one request neither replaces the other (W-23)."""
    return {**(metadata or {}), "leg": _LEG_NAMES[leg]}


def set_event(
    case: Case, action: SetAction, order: TraderOrder, price: float, metadata: Metadata | None = None
) -> SortedSetDBUpdate:
    """Return the event that an order was put into a set; the three triggers share one aggregate (wire 1.5)."""
    metadata = metadata or case.metadata
    if action in _LEG_OF:
        metadata = leg_metadata(metadata, _LEG_OF[action])
    command = SortedSetCommand(action, order.uuid, price, order.side)
    if action in {SetAction.ADD_LIQUIDATION, SetAction.ADD_OPEN_LIMIT}:
        agg_id = f"{action.value}-{order.uuid}"
    else:
        agg_id = f"{ADD_AGG if action.value.startswith('Add') else UPDATE_AGG}-{order.uuid}"
    return SortedSetDBUpdate(command, case.conditions.now_iso, agg_id, metadata)


def removal_event(case: Case, action: SetAction, order: TraderOrder, name: str = "") -> SortedSetDBUpdate:
    """Return the event that a trigger was taken out."""
    command = SortedSetCommand(action, order.uuid, None, order.side)
    agg_id = f"{name or action.value}-{order.uuid}"
    return SortedSetDBUpdate(command, case.conditions.now_iso, agg_id, case.metadata)


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
