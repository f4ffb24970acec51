"""The totals as events carry them after a change, and the two numbers of an order that they are made of."""

from twilight.domain.context import Case
from twilight.domain.events import (
    PositionSizeLogCommand,
    PositionSizeLogDBUpdate,
    RiskAction,
    RiskEngineCommand,
    RiskEngineUpdate,
    SizeAction,
)
from twilight.domain.numbers import round_half_away
from twilight.domain.orders import FILLED, LONG, Side, TraderOrder
from twilight.domain.pool import PositionSizeLog, RiskState
from twilight.domain.state import Exposure, State

AGGREGATES = {
    RiskAction.ADD_EXPOSURE: "AddRiskExposure",
    RiskAction.REMOVE_EXPOSURE: "RemoveRiskExposure",
    RiskAction.ADD_PENDING_EXPOSURE: "AddPendingRiskExposure",
    RiskAction.REMOVE_PENDING_EXPOSURE: "RemovePendingRiskExposure",
    RiskAction.RECALCULATE_EXPOSURE: "RecalculateRiskExposure",
    RiskAction.SET_MANUAL_HALT: "SetManualHalt",
    RiskAction.SET_MANUAL_CLOSE_ONLY: "SetManualCloseOnly",
    RiskAction.SET_PAUSE_FUNDING: "SetPauseFunding",
    RiskAction.SET_PAUSE_PRICE_FEED: "SetPausePriceFeed",
}


def value_of(order: TraderOrder) -> int:
    """Return the order's entry value, whole sats."""
    value = order.initial_margin_sats * order.leverage
    whole = int(value)
    return whole if whole == value else round_half_away(value)


def size_of(order: TraderOrder) -> int:
    """Return the order's size as the exact product of two whole numbers (R19)."""
    dollars = int(order.entry_price)
    return value_of(order) * dollars if dollars == order.entry_price else round_half_away(order.position_size)


def summed(state: State) -> Exposure:
    """Return the sums made anew from the live orders."""
    sums = Exposure()
    for held in state.positions.values():
        order, value = held.order, value_of(held.order)
        long, filled = order.side is LONG, order.status is FILLED
        if filled:
            sums.accrued_sats += state.ledger(order.side).accrued_sats(order)
        if filled and long:
            sums.long_sats, sums.long_size = sums.long_sats + value, sums.long_size + size_of(order)
        elif filled:
            sums.short_sats, sums.short_size = sums.short_sats + value, sums.short_size + size_of(order)
        elif long:
            sums.pending_long_sats += value
        else:
            sums.pending_short_sats += value
    return sums


def risk_state(state: State, exposure: Exposure | None = None) -> RiskState:
    """Return exposure and switches as they are, or with other sums of exposure."""
    sums, switches = exposure or state.exposure, state.switches
    return RiskState(
        sums.long_sats,
        sums.short_sats,
        sums.pending_long_sats,
        sums.pending_short_sats,
        switches.manual_halt,
        switches.manual_close_only,
        switches.pause_funding,
        switches.pause_price_feed,
    )


def add(risk: RiskState, side: Side, amount_sats: int) -> None:
    """Add to a copy's filled exposure; floors at 0."""
    if side is LONG:
        risk.total_long_sats = max(0, risk.total_long_sats + amount_sats)
    else:
        risk.total_short_sats = max(0, risk.total_short_sats + amount_sats)


def add_pending(risk: RiskState, side: Side, amount_sats: int) -> None:
    """Add to a copy's resting exposure; floors at 0."""
    if side is LONG:
        risk.total_pending_long_sats = max(0, risk.total_pending_long_sats + amount_sats)
    else:
        risk.total_pending_short_sats = max(0, risk.total_pending_short_sats + amount_sats)


def risk_event(case: Case, action: RiskAction, side: Side, amount_sats: int, risk: RiskState) -> RiskEngineUpdate:
    """Return the event that exposure changed to `risk`."""
    command = RiskEngineCommand(action, side, amount_sats)
    return RiskEngineUpdate(command, risk, AGGREGATES[action], case.metadata)


def exposure_added(case: Case, order: TraderOrder) -> RiskEngineUpdate:
    """Return the event that a position's value was added."""
    risk, value = risk_state(case.state), value_of(order)
    add(risk, order.side, value)
    return risk_event(case, RiskAction.ADD_EXPOSURE, order.side, value, risk)


def exposure_removed(case: Case, order: TraderOrder) -> RiskEngineUpdate:
    """Return the event that a position's value was taken away."""
    risk, value = risk_state(case.state), value_of(order)
    add(risk, order.side, -value)
    return risk_event(case, RiskAction.REMOVE_EXPOSURE, order.side, value, risk)


def pending_added(case: Case, order: TraderOrder) -> RiskEngineUpdate:
    """Return the event that a resting order's value was added."""
    risk, value = risk_state(case.state), value_of(order)
    add_pending(risk, order.side, value)
    return risk_event(case, RiskAction.ADD_PENDING_EXPOSURE, order.side, value, risk)


def pending_removed(case: Case, order: TraderOrder) -> RiskEngineUpdate:
    """Return the event that a resting order's value was taken away."""
    risk, value = risk_state(case.state), value_of(order)
    add_pending(risk, order.side, -value)
    return risk_event(case, RiskAction.REMOVE_PENDING_EXPOSURE, order.side, value, risk)


def pending_filled(case: Case, order: TraderOrder) -> list[RiskEngineUpdate]:
    """Return the two events by which a resting order's value becomes a position's."""
    removed = pending_removed(case, order)
    risk, value = risk_state(case.state), value_of(order)
    add_pending(risk, order.side, -value)
    add(risk, order.side, value)
    return [removed, risk_event(case, RiskAction.ADD_EXPOSURE, order.side, value, risk)]


def size_changed(case: Case, order: TraderOrder, action: SizeAction) -> PositionSizeLogDBUpdate:
    """Return the event that a position entered or left the size totals."""
    size = size_of(order)
    change = size if action is SizeAction.ADD else -size
    long, short = case.state.exposure.long_size, case.state.exposure.short_size
    if order.side is LONG:
        long += change
    else:
        short += change
    command = PositionSizeLogCommand(action, order.side, size)
    return PositionSizeLogDBUpdate(command, PositionSizeLog(short, long, long + short), action.value, case.metadata)
