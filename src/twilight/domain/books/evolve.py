"""The only thing that changes the state: one event after another, live and in recovery alike (engine 9.3).

Totals are not taken from the events that show them but follow from the orders, exactly, however large they are.
"""

from collections.abc import Callable, Sequence
from typing import Any

from twilight.domain.books.exposure import summed
from twilight.domain.books.positions import close_price_set, funded, liquidated, order_filled, trader_order
from twilight.domain.books.sets import change_sets
from twilight.domain.books.state import Deposit, State, advance
from twilight.domain.model import clock
from twilight.domain.model.commands import (
    CreateLendOrder,
)
from twilight.domain.model.errors import Corrupt
from twilight.domain.model.events import (
    CurrentPriceUpdate,
    Event,
    FeeUpdate,
    FundingRateUpdate,
    IntentOpened,
    LendOrderEvent,
    Metadata,
    PoolUpdate,
    PositionSizeLogDBUpdate,
    RiskAction,
    RiskEngineUpdate,
    RiskParamsUpdate,
    SortedSetDBUpdate,
    Stop,
    TraderOrderEvent,
    TraderOrderFundingUpdate,
    TraderOrderLimitUpdate,
    TraderOrderLiquidation,
    TraderOrderUpdate,
    TxHash,
    TxHashUpdate,
)
from twilight.domain.model.inflight import number_of, uuid_of
from twilight.domain.model.orders import FILLED
from twilight.domain.model.pool import Fees

REQUEST_IDS_MAX = 100_000


def evolve(state: State, event: Event) -> None:
    """Apply one event; raises `Corrupt` when it cannot follow the state."""
    if event.metadata and type(event) is not IntentOpened:
        _remember(state, event.metadata)
    _EFFECTS[type(event)](state, event)


def evolve_all(state: State, events: Sequence[Event]) -> None:
    """Apply the events of one decision; what they all carry is remembered once."""
    remembered: Metadata | None = None
    for event in events:
        if event.metadata and event.metadata is not remembered and type(event) is not IntentOpened:
            remembered = event.metadata
            _remember(state, remembered)
        _EFFECTS[type(event)](state, event)


def _remember(state: State, metadata: Metadata) -> None:
    """Keep how far each queue was read and which requests were answered (C5, C7)."""
    queue = metadata.get("queue")
    if queue is not None:
        advance(state.queues, queue, metadata.get("topic_id", ""), int(metadata["offset"]))
    if "passed" in metadata:
        words = metadata["passed"].split(" ")
        for name, topic_id, offset in zip(words[::3], words[1::3], words[2::3], strict=True):
            advance(state.queues, name, topic_id, int(offset))
    request_id = metadata.get("request_id")
    if request_id and request_id not in state.request_ids:
        state.request_ids[request_id] = None
        if len(state.request_ids) > REQUEST_IDS_MAX:
            state.request_ids.popitem(last=False)
    if "intent" in metadata:
        _answer(state, metadata["intent"])
    if "waited" in metadata:
        _answer(state, metadata["waited"])


# --- what is in flight -----------------------------------------------------------------------------------------------


def _answer(state: State, intent_id: str) -> None:
    """Close an intent, or a wait, once."""
    number = number_of(intent_id)
    if number in state.answered:
        return
    state.waiting.pop(intent_id, None)
    open_intent = state.intents.get(uuid_of(intent_id))
    if open_intent is not None and open_intent.id == intent_id:
        del state.intents[open_intent.uuid]
    state.answered.add(number)


def _intent(state: State, event: IntentOpened) -> None:
    """Open an intent, unless its answer was read before it: the two topics have no common order.

    Whatever the log is to say of its command, the log will say with the answer: until then the queue's position and
    the request's id stand in the intent alone, so that the rest of the state follows from the log alone.
    """
    intent, metadata = event.intent, event.metadata or {}
    number = number_of(intent.id)
    state.intent_sequence = max(state.intent_sequence, number)
    state.waiting.pop(metadata.get("waited", ""), None)
    if number in state.answered:
        return
    if intent.operation is None:
        state.waiting[intent.id] = intent
    else:
        state.intents[intent.uuid] = intent


# --- the pool and its lenders ----------------------------------------------------------------------------------------


def _lend_order(state: State, event: LendOrderEvent) -> None:
    state.lend_log_sequence = event.seq
    order = event.order
    state.lend_sequence = max(state.lend_sequence, order.entry_sequence)
    if order.status is FILLED:
        state.deposits[order.uuid] = Deposit(order, clock.parse_iso(order.timestamp))
        state.lender_accounts[order.account_id] = order.uuid
    elif isinstance(event.command, CreateLendOrder):  # made and ended at once: the genesis of the pool
        state.deposits[order.uuid] = Deposit(order, clock.parse_iso(order.timestamp))
    elif state.deposits.pop(order.uuid, None) is None:
        raise Corrupt(f"deposit {order.uuid} left the pool without being in it")
    else:
        state.lender_accounts.pop(order.account_id, None)


def _pool(state: State, event: PoolUpdate) -> None:
    state.pool = event.pool
    if event.metadata and "shortfall_sats" in event.metadata:
        state.shortfall_sats += int(event.metadata["shortfall_sats"])


# --- prices, triggers, funding ---------------------------------------------------------------------------------------


def _price(state: State, event: CurrentPriceUpdate) -> None:
    state.price = event.price
    state.awaits_tick = False
    metadata = event.metadata
    if metadata and "tick" in metadata:
        epoch, seq = metadata["tick"].split("|")[2:4]
        state.ticks[metadata["kid"]] = (int(epoch), int(seq))


def _funding_rate(state: State, event: FundingRateUpdate) -> None:
    if state.open_hour is not None and state.awaits_records():
        raise Corrupt(f"hour {state.open_hour.number} was closed before all of its records were there")
    state.close_hour()
    state.funding_rate_pct, state.funding_price = event.rate_pct, event.price
    metadata = event.metadata
    if metadata and "funding_hour" in metadata:
        state.funding_hour = int(metadata["funding_hour"])
        state.funding_index = int(metadata["funding_index"])


# --- settings and records --------------------------------------------------------------------------------------------


def _fees(state: State, event: FeeUpdate) -> None:
    fees = event.command
    state.fees = Fees(fees.filled_on_market, fees.filled_on_limit, fees.settled_on_market, fees.settled_on_limit)


def _params(state: State, event: RiskParamsUpdate) -> None:
    state.params = event.params


def _risk(state: State, event: RiskEngineUpdate) -> None:
    action, switches = event.command.action, state.switches
    if event.command.side is not None:
        return  # the sums follow from the orders
    enabled = bool(event.command.enabled)
    if action is RiskAction.SET_MANUAL_HALT:
        switches.manual_halt = enabled
    elif action is RiskAction.SET_MANUAL_CLOSE_ONLY:
        switches.manual_close_only = enabled
    elif action is RiskAction.SET_PAUSE_FUNDING:
        switches.pause_funding = enabled
    elif action is RiskAction.SET_PAUSE_PRICE_FEED:
        state.awaits_tick = state.awaits_tick or (switches.pause_price_feed and not enabled)
        switches.pause_price_feed = enabled
    elif action is RiskAction.RECALCULATE_EXPOSURE:
        state.exposure = summed(state)


def _record(state: State, event: TxHash | TxHashUpdate) -> None:
    data = event.data
    if data.output is not None and data.status is FILLED:
        position = state.positions.get(data.order_id)
        if position is not None:
            position.memo = data.output


def _nothing(state: State, event: Event) -> None:
    """Events that show what follows from others."""


_EFFECTS: dict[type, Callable[[State, Any], None]] = {
    TraderOrderEvent: trader_order,
    TraderOrderUpdate: order_filled,
    TraderOrderLimitUpdate: close_price_set,
    TraderOrderFundingUpdate: funded,
    TraderOrderLiquidation: liquidated,
    LendOrderEvent: _lend_order,
    PoolUpdate: _pool,
    FundingRateUpdate: _funding_rate,
    CurrentPriceUpdate: _price,
    SortedSetDBUpdate: change_sets,
    PositionSizeLogDBUpdate: _nothing,
    TxHash: _record,
    TxHashUpdate: _record,
    FeeUpdate: _fees,
    RiskEngineUpdate: _risk,
    RiskParamsUpdate: _params,
    IntentOpened: _intent,
    Stop: _nothing,
}
