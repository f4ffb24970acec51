"""The only thing that changes the state: one event after another, live and in recovery alike (engine 9.3).

Totals are not taken from the events that show them but follow from the orders, exactly, however large they are.
"""

from collections.abc import Callable, Sequence
from typing import Any

from twilight.domain import clock
from twilight.domain.charging import CHARGES_ALL_BUT, charge_everybody, terms_told
from twilight.domain.commands import (
    CancelTraderOrder,
    CancelTraderOrderSlTp,
    CreateLendOrder,
    CreateTraderOrder,
    CreateTraderOrderSlTp,
    ExecuteTraderOrder,
    ExecuteTraderOrderSlTp,
    Meta,
    SettleOnLimit,
)
from twilight.domain.errors import Corrupt
from twilight.domain.events import (
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
from twilight.domain.inflight import number_of, uuid_of
from twilight.domain.ledger import Ledger
from twilight.domain.numbers import score
from twilight.domain.orders import FILLED, LONG, MARKET, PENDING, TraderOrder
from twilight.domain.pool import Fees, FundingOrderEventUpdate
from twilight.domain.sets import change_sets, open_set, trigger_sets
from twilight.domain.state import Deposit, Legs, OpenHour, Position, State
from twilight.domain.totals import size_of, summed, value_of

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
        _advance(state, queue, metadata.get("topic_id", ""), int(metadata["offset"]))
    if "passed" in metadata:
        words = metadata["passed"].split(" ")
        for name, topic_id, offset in zip(words[::3], words[1::3], words[2::3], strict=True):
            _advance(state, name, topic_id, int(offset))
    request_id = metadata.get("request_id")
    if request_id and request_id not in state.request_ids:
        state.request_ids[request_id] = None
        if len(state.request_ids) > REQUEST_IDS_MAX:
            state.request_ids.popitem(last=False)
    if "intent" in metadata:
        _answer(state, metadata["intent"])
    if "waited" in metadata:
        _answer(state, metadata["waited"])


def _advance(state: State, queue: str, topic_id: str, offset: int) -> None:
    """Move a queue's position; the chain's answer to an earlier command does not move it back."""
    known = state.queues.get(queue)
    if known is None or known[0] != topic_id or known[1] < offset:
        state.queues[queue] = (topic_id, offset)


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


# --- trader orders ---------------------------------------------------------------------------------------------------


def _trader_order(state: State, event: TraderOrderEvent) -> None:
    state.trader_log_sequence = event.seq
    command = event.command
    if isinstance(command, _ENTRIES):
        _enter(state, event.order, command)
    elif isinstance(command, _ENDINGS):
        _leave(state, event.order)
    else:
        raise Corrupt(f"a TraderOrder event cannot carry {type(command).__name__}")


_ENTRIES = (CreateTraderOrder, CreateTraderOrderSlTp)
_ENDINGS = (
    ExecuteTraderOrder,
    ExecuteTraderOrderSlTp,
    CancelTraderOrder,
    CancelTraderOrderSlTp,
    SettleOnLimit,
)


def _enter(state: State, order: TraderOrder, command: CreateTraderOrder | CreateTraderOrderSlTp) -> None:
    if order.uuid in state.positions:
        raise Corrupt(f"order {order.uuid} entered the book twice")
    filled = order.status is FILLED
    market = order.order_type is MARKET
    position = Position(
        order,
        command.payload,
        command.request_id,
        state.fees.filled_on_market if market else state.fees.filled_on_limit,
    )
    state.trader_sequence = max(state.trader_sequence, order.entry_sequence)
    state.positions[order.uuid] = position
    state.trader_accounts[order.account_id] = order.uuid
    if filled:
        _fill(state, position)
        return
    _add_pending(state, order, value_of(order))
    open_set(state, order.side).put(order.uuid, score(order.entry_price))
    if isinstance(command, CreateTraderOrderSlTp) and command.sltp and command.settle_message is not None:
        position.legs = Legs(command.sltp, command.settle_message, command.meta, command.request_id)


def _leave(state: State, order: TraderOrder) -> None:
    position = state.positions.pop(order.uuid, None)
    if position is None:
        raise Corrupt(f"order {order.uuid} left the book without being in it")
    kept = position.order
    state.trader_accounts.pop(kept.account_id, None)
    state.retries.pop(kept.uuid, None)
    if kept.status is PENDING:
        _add_pending(state, kept, -value_of(kept))
        open_set(state, kept.side).discard(kept.uuid)
        return
    book = state.ledger(kept.side)
    _add_filled(state, book, kept, -1)
    book.remove(kept.uuid)
    for members in trigger_sets(state, kept.side):
        members.discard(kept.uuid)


def _fill(state: State, held: Position) -> None:
    book = state.ledger(held.order.side)
    book.add(held.order)
    held.version = book.version
    _add_filled(state, book, held.order, 1)
    _put_liquidation(book, held.order)


def _put_liquidation(book: Ledger, order: TraderOrder) -> None:
    if order.liquidation_price > 0:
        book.put(order.uuid, score(order.liquidation_price))
    else:
        book.discard(order.uuid)


def _add_filled(state: State, book: Ledger, order: TraderOrder, sign: int) -> None:
    sums, value, size = state.exposure, sign * value_of(order), sign * size_of(order)
    sums.accrued_sats += sign * book.accrued_sats(order)
    if order.side is LONG:
        sums.long_sats += value
        sums.long_size += size
    else:
        sums.short_sats += value
        sums.short_size += size


def _add_pending(state: State, order: TraderOrder, value_sats: int) -> None:
    if order.side is LONG:
        state.exposure.pending_long_sats += value_sats
    else:
        state.exposure.pending_short_sats += value_sats


def _order_filled(state: State, event: TraderOrderUpdate) -> None:
    state.trader_log_sequence = event.seq
    order = event.order
    position = state.known(order.uuid)
    _add_pending(state, order, -value_of(position.order))
    open_set(state, order.side).discard(order.uuid)
    position.order = order
    position.margin_fee_pct = state.fees.filled_on_limit
    position.legs = None
    state.retries.pop(order.uuid, None)
    _fill(state, position)


def _close_price_set(state: State, event: TraderOrderLimitUpdate) -> None:
    state.trader_log_sequence = event.seq
    command = event.command
    if not isinstance(command, SettleOnLimit):
        state.known(event.order.uuid).payload = command.payload


def _funded(state: State, event: TraderOrderFundingUpdate) -> None:
    command = event.command
    if not isinstance(command, FundingOrderEventUpdate):
        raise Corrupt(f"a TraderOrderFundingUpdate event cannot carry {type(command).__name__}")
    metadata = event.metadata or {}
    if CHARGES_ALL_BUT in metadata:
        _open_hour(state, event, command.meta, metadata)
    position, order = state.known(event.order.uuid), command.order
    book = state.ledger(order.side)
    if book.awaits_record(order.uuid):
        _recorded(state, order)
        return
    state.exposure.accrued_sats -= book.accrued_sats(order)
    position.order, position.version = order, book.version
    book.write(order)
    book.mark_funded(order.uuid)
    state.exposure.accrued_sats += book.accrued_sats(order)
    position.funded = True
    name = "FilledOnMarket" if order.order_type is MARKET else "FilledOnLimit"
    position.margin_fee_pct = float(command.meta[name] or 0)
    position.margin_rate_pct = float(command.meta["FundingRate"] or 0)
    _put_liquidation(book, order)


def _open_hour(state: State, event: TraderOrderFundingUpdate, meta: Meta, metadata: Metadata) -> None:
    """Charge everybody at once; from here on the hour's records only say so."""
    if state.open_hour is not None:
        raise Corrupt(f"an hour opened before the records of hour {state.open_hour.number} were complete")
    left_out = [int(sequence) for sequence in metadata[CHARGES_ALL_BUT].split()]
    charge_everybody(state, terms_told(meta, metadata, state.params.mm_ratio), left_out)
    state.open_hour = OpenHour(int(metadata["funding_hour"]), event.order.timestamp, meta)
    state.funding_hour = state.open_hour.number
    state.funding_index = int(metadata["funding_index"])


def _recorded(state: State, order: TraderOrder) -> None:
    """Note that an awaited record is there; it must say what the opening of the hour has made of the position."""
    held = state.position(order.uuid) or state.known(order.uuid)
    expected, found = _charged_figures(held.order), _charged_figures(order)
    if found != expected:
        raise Corrupt(f"order {order.uuid} was charged to {expected}, its record says {found}")
    state.ledger(order.side).await_record(order.uuid, awaited=False)


def _charged_figures(order: TraderOrder) -> tuple[float, float, float]:
    return order.available_margin_sats, order.maintenance_margin_sats, order.liquidation_price


def _liquidated(state: State, event: TraderOrderLiquidation) -> None:
    state.trader_log_sequence = event.seq
    _leave(state, event.order)


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
    TraderOrderEvent: _trader_order,
    TraderOrderUpdate: _order_filled,
    TraderOrderLimitUpdate: _close_price_set,
    TraderOrderFundingUpdate: _funded,
    TraderOrderLiquidation: _liquidated,
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
