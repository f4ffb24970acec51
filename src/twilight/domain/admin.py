"""What an administrator's calls do (engine 11, decisions R13, R23, R31)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from math import isfinite

from twilight.domain import answers
from twilight.domain.books.exposure import summed
from twilight.domain.books.state import Position, State
from twilight.domain.context import Case, Subject
from twilight.domain.model.errors import InvalidParams, NotSupported
from twilight.domain.model.events import (
    Event,
    FeeUpdate,
    RiskAction,
    RiskEngineCommand,
    RiskEngineUpdate,
    RiskParamsUpdate,
    TxHash,
)
from twilight.domain.model.inputs import (
    Admin,
    AdminCall,
    RecalculateRiskStateCall,
    SetMarketCloseOnlyCall,
    SetMarketHaltCall,
    TriggerPriceCheckCall,
    UpdateFeesCall,
    UpdateRiskParamsCall,
)
from twilight.domain.model.numbers import price_of_score, round_half_away
from twilight.domain.model.orders import OrderStatus
from twilight.domain.model.pool import RiskParams, RiskState, UpdateFees
from twilight.domain.trading.cancelling import cancel_open, halt_command
from twilight.domain.trading.legs import Trigger, removal_event
from twilight.domain.trading.ticks import check_closes, check_fills, check_liquidations
from twilight.domain.trading.totals import AGGREGATES, risk_state

FEE_PCT_MAX = 10.0
MM_RATIO_BOUNDS = (0.25, 100.0)


def on_admin(case: Case, admin: Admin) -> Iterator[Sequence[Event]]:
    """Carry out the call; one number out of bounds and nothing happens (R31)."""
    case.metadata = {"actor": admin.actor} if admin.actor else None
    yield from _CALLS[type(admin.call)](case, admin.call)


def _check(name: str, value: float, low: float, high: float | None) -> None:
    if not isfinite(value) or value < low or (high is not None and value > high):
        limit = f"from {low:g}" + (f" to {high:g}" if high is not None else "")
        raise InvalidParams(f"{name} must be a finite number {limit}, was {value}")


def _update_fees(case: Case, call: UpdateFeesCall) -> Iterator[list[Event]]:
    for field in fields(call):
        _check(field.name, getattr(call, field.name), 0.0, FEE_PCT_MAX)
    command = UpdateFees(
        call.order_filled_on_market,
        call.order_filled_on_limit,
        call.order_settled_on_market,
        call.order_settled_on_limit,
    )
    now = case.conditions.now_iso
    yield [FeeUpdate(command, now, f"FeeUpdate-{now}", case.metadata)]


def _update_risk_params(case: Case, call: UpdateRiskParamsCall) -> Iterator[list[Event]]:
    yield [RiskParamsUpdate(new_params(case.state, call), "UpdateRiskParams", case.metadata)]


def new_params(state: State, call: UpdateRiskParamsCall) -> RiskParams:
    """Return the parameters after the call; raises `InvalidParams`."""
    given = {field.name: getattr(call, field.name) for field in fields(call)}
    for name, value in given.items():
        if value is not None:
            low, high = MM_RATIO_BOUNDS if name == "mm_ratio" else (0.0, None)
            _check(name, value, low, high)
    given["min_position_sats"] = given.pop("min_position_btc")
    return replace(state.params, **{name: value for name, value in given.items() if value is not None})


def switched(case: Case, action: RiskAction, *, enabled: bool) -> RiskEngineUpdate:
    """Return the event that a switch was set; emitted even when it does not change (7.5)."""
    risk = risk_state(case.state)
    setattr(risk, _SWITCHES[action], enabled)
    return RiskEngineUpdate(RiskEngineCommand(action, enabled=enabled), risk, AGGREGATES[action], case.metadata)


_SWITCHES = {
    RiskAction.SET_MANUAL_HALT: "manual_halt",
    RiskAction.SET_MANUAL_CLOSE_ONLY: "manual_close_only",
    RiskAction.SET_PAUSE_FUNDING: "pause_funding",
    RiskAction.SET_PAUSE_PRICE_FEED: "pause_price_feed",
}


def _set_market_halt(case: Case, call: SetMarketHaltCall) -> Iterator[list[Event]]:
    yield [switched(case, RiskAction.SET_MANUAL_HALT, enabled=call.enabled)]
    wanted = {
        RiskAction.SET_PAUSE_FUNDING: call.pause_funding,
        RiskAction.SET_PAUSE_PRICE_FEED: call.pause_price_feed,
    }
    for action, asked in wanted.items():
        pause = asked or (call.enabled and call.exit_relayer)
        if pause and call.enabled:
            yield [switched(case, action, enabled=True)]
        elif asked is False and not call.enabled:
            yield [switched(case, action, enabled=False)]
    if call.enabled and call.cancel_pending_limit_orders:
        yield from _cancel_resting(case)
    if call.enabled and call.cancel_settling_limit_orders:
        yield from _cancel_triggers(case)


def _cancel_resting(case: Case) -> Iterator[list[Event]]:
    for position in _with_status(case.state, OrderStatus.PENDING):
        order = position.order
        subject = Subject(order.uuid, order.account_id, order.order_type, "")
        yield cancel_open(case, position, halt_command(position), subject, "Admin halt cancellation")


def _cancel_triggers(case: Case) -> Iterator[list[Event]]:
    """Take out every close trigger, by entry sequence, then close limit, stop loss, take profit (R26)."""
    for position in _with_status(case.state, OrderStatus.FILLED):
        for trigger in Trigger:
            order = position.order
            old = trigger.members(case.state, order.side).score(order.uuid)
            if old is not None:
                yield _trigger_cancelled(case, position, trigger, old)


def _trigger_cancelled(case: Case, position: Position, trigger: Trigger, old: int) -> list[Event]:
    order, texts = position.order, trigger.texts
    subject = Subject(order.uuid, order.account_id, texts.record_type, "")
    record = answers.data(
        case, subject, texts.cancelled, reason="Admin halt cancellation", old_price=price_of_score(old)
    )
    agg_id = f"{texts.cancelled.value}-{order.uuid}"
    return [removal_event(case, texts.remove, order, texts.halt_agg), TxHash(record, agg_id, case.metadata)]


def _with_status(state: State, status: OrderStatus) -> list[Position]:
    """Return the orders of that status, but for those that the chain is being asked about (C11)."""
    return [
        position
        for uuid, position in state.positions.items()
        if position.order.status is status and uuid not in state.intents
    ]


def _set_market_close_only(case: Case, call: SetMarketCloseOnlyCall) -> Iterator[list[Event]]:
    yield [switched(case, RiskAction.SET_MANUAL_CLOSE_ONLY, enabled=call.enabled)]


def _recalculate(case: Case, call: RecalculateRiskStateCall) -> Iterator[list[Event]]:  # noqa: ARG001  # one shape
    action = RiskAction.RECALCULATE_EXPOSURE
    risk: RiskState = risk_state(case.state, summed(case.state))
    yield [RiskEngineUpdate(RiskEngineCommand(action), risk, AGGREGATES[action], case.metadata)]


def _trigger_price_check(case: Case, call: TriggerPriceCheckCall) -> Iterator[Sequence[Event]]:
    """Run the named checks at a price, as if a tick had brought it, without a `CurrentPriceUpdate` (R13)."""
    if not case.context.profile.trigger_price_check:
        raise NotSupported("TriggerPriceCheck exists in profile test only")
    _check("price", call.price, 1.0, None)
    case.check_price = float(round_half_away(call.price))
    if call.check_liquidation:
        yield from check_liquidations(case)
    if call.check_settling_limit:
        yield from check_closes(case)
    if call.check_pending_limit:
        yield from check_fills(case)


_CALLS: dict[type[AdminCall], Callable[..., Iterator[Sequence[Event]]]] = {
    UpdateFeesCall: _update_fees,
    UpdateRiskParamsCall: _update_risk_params,
    SetMarketHaltCall: _set_market_halt,
    SetMarketCloseOnlyCall: _set_market_close_only,
    RecalculateRiskStateCall: _recalculate,
    TriggerPriceCheckCall: _trigger_price_check,
}
