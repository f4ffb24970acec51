"""What the events of orders do to the book of positions: enter, fill, charge, leave (engine 9.3)."""

from twilight.domain.books.charging import CHARGES_ALL_BUT, charge_everybody, terms_told
from twilight.domain.books.exposure import size_of, value_of
from twilight.domain.books.ledger import Ledger
from twilight.domain.books.sets import open_set, trigger_sets
from twilight.domain.books.state import Legs, OpenHour, Position, State
from twilight.domain.model.commands import (
    CancelTraderOrder,
    CancelTraderOrderSlTp,
    CreateTraderOrder,
    CreateTraderOrderSlTp,
    ExecuteTraderOrder,
    ExecuteTraderOrderSlTp,
    Meta,
    SettleOnLimit,
)
from twilight.domain.model.errors import Corrupt
from twilight.domain.model.events import (
    Metadata,
    TraderOrderEvent,
    TraderOrderFundingUpdate,
    TraderOrderLimitUpdate,
    TraderOrderLiquidation,
    TraderOrderUpdate,
)
from twilight.domain.model.numbers import score
from twilight.domain.model.orders import FILLED, LONG, MARKET, PENDING, TraderOrder
from twilight.domain.model.pool import FundingOrderEventUpdate


def trader_order(state: State, event: TraderOrderEvent) -> None:
    """An order enters the book, or leaves it closed or cancelled."""
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
        "" if filled else command.payload,
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


def order_filled(state: State, event: TraderOrderUpdate) -> None:
    """A resting order becomes a position."""
    state.trader_log_sequence = event.seq
    order = event.order
    position = state.known(order.uuid)
    _add_pending(state, order, -value_of(position.order))
    open_set(state, order.side).discard(order.uuid)
    position.order = order
    position.payload = ""
    position.margin_fee_pct = state.fees.filled_on_limit
    position.legs = None
    state.retries.pop(order.uuid, None)
    _fill(state, position)


def close_price_set(state: State, event: TraderOrderLimitUpdate) -> None:
    """A close waits for its price: its payload takes the place of the open's."""
    state.trader_log_sequence = event.seq
    command = event.command
    if not isinstance(command, SettleOnLimit):
        state.known(event.order.uuid).payload = command.payload


def funded(state: State, event: TraderOrderFundingUpdate) -> None:
    """A position is charged; in an open hour the record only says what the opening has done to it."""
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


def liquidated(state: State, event: TraderOrderLiquidation) -> None:
    """A position leaves the book."""
    state.trader_log_sequence = event.seq
    _leave(state, event.order)
