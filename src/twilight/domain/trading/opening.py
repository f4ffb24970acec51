"""Opening: market orders fill at once, limit orders rest until a tick reaches them (engine 3.1, 3.2)."""

from collections.abc import Iterator

from twilight.domain import answers
from twilight.domain.books.state import Legs
from twilight.domain.context import Case, Subject
from twilight.domain.model import formulas
from twilight.domain.model.chain import Answer, ChainRequest, InFlight, Operation, Refused
from twilight.domain.model.commands import CreateTraderOrder, CreateTraderOrderSlTp, OpenCommand
from twilight.domain.model.errors import Rejected
from twilight.domain.model.events import (
    Event,
    SizeAction,
    TraderOrderEvent,
    TxHash,
)
from twilight.domain.model.inputs import CommandInput
from twilight.domain.model.orders import FILLED, LIMIT, LONG, MARKET, PENDING, OrderStatus, OrderType, TraderOrder
from twilight.domain.model.profile import LiquidationBasis
from twilight.domain.trading import risk, totals
from twilight.domain.trading.closing import check_settle_owner, set_legs_after_fill

ACCOUNT_PLACEHOLDER = "account_id"


def open_position(case: Case, source: CommandInput, command: OpenCommand) -> Iterator[list[Event]]:
    """Fill the order, let it rest, or say why not; then set the stop loss and take profit that came with it."""
    uuid = case.context.new_uuid()
    order_type = converted_type(case, command)
    request = command.request
    account = uuid if request.account_id == ACCOUNT_PLACEHOLDER else request.account_id
    subject = Subject(uuid, account, order_type, command.request_id)
    try:
        admit(case, command, order_type, source.broker_time_ms)
        check_account(case, account)
    except Rejected as why:
        yield [answers.rejected(case, subject, why)]
        return
    command = _with_position(command, source)
    order = new_order(case, command, subject, order_type)
    if order.status is PENDING:
        yield _rest(case, order, command, subject)
        return
    yield _fill_at_once(case, order, command, subject)
    legs = legs_of(command)
    if legs is not None and uuid in case.state.positions:
        yield from set_legs_after_fill(case, uuid, legs)


def converted_type(case: Case, command: OpenCommand) -> OrderType:
    """Return the type after conversion: a limit that is already through the market is a market order (3.1)."""
    request, price = command.request, case.price
    if request.order_type is not LIMIT or price <= 0:
        return request.order_type
    through = request.entry_price >= price if request.side is LONG else request.entry_price <= price
    return MARKET if through else LIMIT


def admit(case: Case, command: OpenCommand, order_type: OrderType, broker_time_ms: int | None) -> None:
    """Refuse what may not be opened, in the order of R24."""
    request = command.request
    if order_type not in (MARKET, LIMIT):
        raise risk.wrong("order_type", "MARKET or LIMIT", order_type)
    risk.check_whole_sats("initial_margin", request.initial_margin_sats)
    risk.check_leverage(request.initial_margin_sats, request.leverage)
    if request.order_type is LIMIT:
        risk.check_price("entryprice", request.entry_price)
    if isinstance(command, CreateTraderOrderSlTp):
        _check_legs(case, command)
    risk.check_age(case, broker_time_ms)
    risk.gate_open(case, request.side, request.initial_margin_sats, request.leverage)


def check_account(case: Case, account_id: str) -> None:
    """Refuse an account that has a live order: accounts are one-time on the chain's side (3)."""
    if account_id in case.state.trader_accounts or _is_opening(case, account_id):
        raise Rejected(OrderStatus.DUPLICATE_ORDER, "Duplicate order detected", answers.DUPLICATE)


def _is_opening(case: Case, account_id: str) -> bool:
    """Return whether an open of this account is in flight (C11)."""
    intents = case.state.intents
    return bool(intents) and any(
        one.operation is Operation.OPEN and one.account_id == account_id for one in intents.values()
    )


def _check_legs(case: Case, command: CreateTraderOrderSlTp) -> None:
    if command.sltp is None:
        return
    if command.settle_message is None:
        raise risk.wrong("settle message", "present when a stop loss or take profit is", None)
    for name, price in (("sl", command.sltp.sl), ("tp", command.sltp.tp)):
        if price is not None:
            risk.check_price(name, price)
    account = command.request.account_id
    check_settle_owner(case, command.settle_message, account, answers.WRONG_PARAMETER, OrderStatus.CANCELLED)


def legs_of(command: OpenCommand) -> Legs | None:
    """Return the stop loss and take profit that came with a create, None if none did."""
    if isinstance(command, CreateTraderOrderSlTp) and command.sltp and command.settle_message is not None:
        return Legs(command.sltp, command.settle_message, command.meta, command.request_id)
    return None


def _with_position(command: OpenCommand, source: CommandInput) -> OpenCommand:
    """Return the command with where it stood added to its metadata, as plain creates have it (1.9)."""
    if source.position is None or not isinstance(command, CreateTraderOrder):
        return command
    extra = {"offset": str(source.position.offset), "kafka_key": source.key}
    return CreateTraderOrder(command.request, command.meta | extra, command.payload, command.request_id)


def new_order(case: Case, command: OpenCommand, subject: Subject, order_type: OrderType) -> TraderOrder:
    """Return the order as the request makes it: FILLED at the current price, or PENDING at its limit (1.2)."""
    request, fees = command.request, case.state.fees
    market = order_type is MARKET
    order = TraderOrder(
        subject.order_id,
        subject.account_id,
        request.side,
        FILLED if market else PENDING,
        order_type,
        case.price if market else request.entry_price,
        request.execution_price,
        0.0,
        request.leverage,
        request.initial_margin_sats,
        request.initial_margin_sats,
        case.conditions.now_iso,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0,
        0,
        case.state.trader_sequence + 1,
        0.0,
        0.0,
    )
    set_figures(case, order, fees.filled_on_market if market else fees.filled_on_limit)
    return order


def set_figures(case: Case, order: TraderOrder, fee_pct: float) -> None:
    """Compute size, bankruptcy, margin, fee and liquidation figures of a fresh order (2.1 to 2.7).

    The funding term of the maintenance margin is 0 until the first funding, on purpose (W-11).
    """
    margin, entry, side = order.initial_margin_sats, order.entry_price, order.side
    value = formulas.entry_value(margin, order.leverage)
    size = formulas.position_size(value, entry)
    bankruptcy = formulas.bankruptcy_price(entry, order.leverage, side)
    worth = formulas.bankruptcy_value(size, bankruptcy)
    mm_ratio = case.state.params.mm_ratio
    order.position_size = size
    order.bankruptcy_price = bankruptcy
    order.bankruptcy_value_sats = worth
    order.maintenance_margin_sats = formulas.maintenance_margin(value, worth, fee_pct, 0.0, mm_ratio)
    if order.status is FILLED:
        order.fee_filled_sats = formulas.fee(fee_pct, size, entry)
        order.available_margin_sats = margin - order.fee_filled_sats
    order.liquidation_price = liquidation_price(case, order)


def liquidation_price(case: Case, order: TraderOrder) -> float:
    """Return Q on the margin that the profile names (2.6, W-12)."""
    initial = case.context.profile.liquidation_basis is LiquidationBasis.INITIAL
    return formulas.liquidation_price(
        order.entry_price,
        order.position_size,
        order.maintenance_margin_sats,
        order.initial_margin_sats if initial else order.available_margin_sats,
        order.side,
    )


def _fill_at_once(case: Case, order: TraderOrder, command: OpenCommand, subject: Subject) -> list[Event]:
    outcome = case.submit(ChainRequest(Operation.OPEN, order, command.payload))
    if isinstance(outcome, InFlight):
        intent = case.begin(Operation.OPEN, subject, command)
        intent.order, intent.payload = order, command.payload
        return [case.opened(intent)]
    return finish_open(case, order, command, subject, outcome)


def finish_open(case: Case, order: TraderOrder, command: OpenCommand, subject: Subject, outcome: Answer) -> list[Event]:
    """Return what the chain's answer to an open becomes (3.1)."""
    if isinstance(outcome, Refused):
        return [_create_failed(case, subject, outcome)]
    return [
        totals.exposure_added(case, order),
        totals.size_changed(case, order, SizeAction.ADD),
        _entered(case, order, command),
        answers.succeeded(case, subject, FILLED, outcome.tx_hash, outcome.output),
    ]


def _rest(case: Case, order: TraderOrder, command: OpenCommand, subject: Subject) -> list[Event]:
    refused = case.context.chain.check_open(order, command.payload)
    if refused is not None:
        return [_create_failed(case, subject, refused)]
    record = answers.data(case, subject, PENDING, new_price=order.entry_price)
    return [
        totals.pending_added(case, order),
        _entered(case, order, command),
        TxHash(record, f'tx_limit_submit-"{command.request_id}"', case.metadata),
    ]


def _create_failed(case: Case, subject: Subject, refused: Refused) -> TxHash:
    reason = f'Error : "{refused.text}", Failed to create trader order'
    return answers.failed(case, subject, refused.status, reason)


def _entered(case: Case, order: TraderOrder, command: OpenCommand) -> TraderOrderEvent:
    seq = case.state.trader_log_sequence + 1
    return TraderOrderEvent(order, command, seq, f"add_order-{order.uuid}", case.metadata)
