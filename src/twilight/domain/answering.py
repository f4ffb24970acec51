"""The chain's answers: what was begun is finished, and the next that waits for the pool begins (decisions C11)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from twilight.domain.books.charging import charged
from twilight.domain.books.state import Legs, Position
from twilight.domain.context import Case, Subject
from twilight.domain.funding.hour import funding_meta, terms_of
from twilight.domain.funding.records import funding_record
from twilight.domain.lending.deposits import deposit, finish_deposit
from twilight.domain.lending.withdrawals import finish_withdrawal, withdraw
from twilight.domain.model.chain import Operation, Refused
from twilight.domain.model.commands import (
    ClientCommand,
    CreateLendOrder,
    CreateTraderOrder,
    CreateTraderOrderSlTp,
    ExecuteLendOrder,
    ExecuteTraderOrder,
    ExecuteTraderOrderSlTp,
)
from twilight.domain.model.errors import Corrupt
from twilight.domain.model.events import Event
from twilight.domain.model.inflight import Intent
from twilight.domain.model.inputs import ChainAnswer, CommandInput
from twilight.domain.model.orders import OrderType, TraderOrder
from twilight.domain.trading.closing import close_position, set_legs_after_fill
from twilight.domain.trading.filling import finish_fill
from twilight.domain.trading.legs import Trigger
from twilight.domain.trading.liquidation import liquidate, liquidation_put_back, was_refused
from twilight.domain.trading.opening import finish_open, legs_of
from twilight.domain.trading.settlement import Close, settle
from twilight.domain.trading.ticks import check_liquidations

Decisions = Iterator[Sequence[Event]]


def on_chain_answer(case: Case, given: ChainAnswer) -> Decisions:
    """Finish what the answer is about; an answer that came before changes nothing."""
    intent = case.state.intents.get(given.uuid)
    if intent is None or intent.id != given.intent_id or intent.operation is None:
        return
    metadata = {**(intent.metadata or {}), "intent": intent.id}
    finishing = replace(case, metadata=metadata, answer=given.outcome, check_price=intent.price)
    legs = _legs_to_set(case, intent, given)
    yield _FINISH[intent.operation](finishing, intent)
    if legs is not None and intent.uuid in case.state.positions:
        yield from set_legs_after_fill(replace(case, metadata=metadata), intent.uuid, legs)
    if case.tradable:  # what can no longer bear its losses goes before whoever waits for the pool
        yield from check_liquidations(case)
    yield from wake_waiting(case)


def wake_waiting(case: Case) -> Decisions:
    """Decide the commands that wait for the pool, in their order, until one of them holds it."""
    while case.state.waiting and not case.pool_is_busy:
        intent = next(iter(case.state.waiting.values()))
        command = intent.caused.command
        if command is None:
            raise Corrupt(f"{intent.id} waits without a command")
        metadata = {**(intent.metadata or {}), "waited": intent.id}
        yield from _DECIDE[type(command)](replace(case, metadata=metadata), command)


def _close(case: Case, command: ClientCommand) -> Decisions:
    if isinstance(command, ExecuteTraderOrder | ExecuteTraderOrderSlTp):
        yield from close_position(case, CommandInput(command), command)


def _lend(case: Case, command: ClientCommand) -> Decisions:
    if isinstance(command, CreateLendOrder):
        yield from deposit(case, command)


def _withdraw(case: Case, command: ClientCommand) -> Decisions:
    if isinstance(command, ExecuteLendOrder):
        yield from withdraw(case, command)


_DECIDE: dict[type, Callable[[Case, ClientCommand], Decisions]] = {
    ExecuteTraderOrder: _close,
    ExecuteTraderOrderSlTp: _close,
    CreateLendOrder: _lend,
    ExecuteLendOrder: _withdraw,
}


# --- what was begun --------------------------------------------------------------------------------------------------


def _legs_to_set(case: Case, intent: Intent, given: ChainAnswer) -> Legs | None:
    if isinstance(given.outcome, Refused):
        return None
    command = intent.caused.command
    if isinstance(command, CreateTraderOrder | CreateTraderOrderSlTp):
        return legs_of(command)
    return _position(case, intent).legs if intent.operation is Operation.FILL else None


def _position(case: Case, intent: Intent) -> Position:
    position = case.state.position(intent.uuid)
    if position is None:
        raise Corrupt(f"order {intent.uuid} left the book while {intent.id} was in flight")
    return position


def _order(intent: Intent) -> TraderOrder:
    if intent.order is None:
        raise Corrupt(f"{intent.id} carries no order")
    return intent.order.copy()


def _open(case: Case, intent: Intent) -> list[Event]:
    command, order = intent.caused.command, _order(intent)
    if not isinstance(command, CreateTraderOrder | CreateTraderOrderSlTp) or case.answer is None:
        raise Corrupt(f"{intent.id} carries no create")
    order.entry_sequence = case.state.trader_sequence + 1
    subject = Subject(order.uuid, order.account_id, OrderType.MARKET, command.request_id)
    return finish_open(case, order, command, subject, case.answer)


def _fill(case: Case, intent: Intent) -> list[Event]:
    if case.answer is None:
        raise Corrupt(f"{intent.id} was not answered")
    return finish_fill(case, _position(case, intent), _order(intent), case.answer)


def _settle(case: Case, intent: Intent) -> list[Event]:
    command = intent.caused.command
    closes = isinstance(command, ExecuteTraderOrder | ExecuteTraderOrderSlTp)
    close = Close(
        intent.fee_pct,
        command if closes else None,  # type: ignore[arg-type]  # narrowed by `closes`
        Trigger[intent.trigger] if intent.trigger else None,
        {Trigger[name]: fired for name, fired in intent.fired.items()},
    )
    return [*settle(case, _position(case, intent), close), *_missed_hour(case, intent)]


def _liquidate(case: Case, intent: Intent) -> list[Event]:
    position = _position(case, intent)
    events = liquidate(case, position, meta=intent.meta or {}, by_funding=intent.charged)
    if not was_refused(events):
        return events
    if intent.charged is None:
        return [*events, liquidation_put_back(case, position.order), *_missed_hour(case, intent)]
    if intent.in_slices:
        return events
    record = funding_record(intent.charged, intent.meta or {}, case.conditions.now_iso, case.metadata)
    return [*events, record]


def _missed_hour(case: Case, intent: Intent) -> list[Event]:
    """Return the charge of an hour that passed a position by while the chain was asked to end it, and would not.

    Else whoever sends a close that the chain will refuse pays no funding. Of several hours only the last is known.
    """
    state = case.state
    if not isinstance(case.answer, Refused) or state.funding_hour in (None, intent.funding_hour):
        return []
    rate, price = state.funding_rate_pct, state.funding_price
    if state.open_hour is not None:
        rate, price = (float(state.open_hour.meta[name] or 0) for name in ("FundingRate", "CurrentPrice"))
    then, position = replace(case, check_price=price), _position(case, intent)
    order = charged(position.order, terms_of(then, rate), funded=position.funded)
    metadata = {**(case.metadata or {}), "funding_hour": str(state.funding_hour)}
    return [funding_record(order, funding_meta(then, rate), case.conditions.now_iso, metadata)]


_FINISH: dict[Operation, Callable[[Case, Intent], list[Event]]] = {
    Operation.OPEN: _open,
    Operation.FILL: _fill,
    Operation.SETTLE: _settle,
    Operation.LIQUIDATE: _liquidate,
    Operation.DEPOSIT: finish_deposit,
    Operation.WITHDRAW: finish_withdrawal,
}
