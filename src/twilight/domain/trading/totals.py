"""The totals as events carry them after a change."""

from twilight.domain.books.exposure import size_of, value_of
from twilight.domain.books.state import Exposure, State
from twilight.domain.context import Case
from twilight.domain.model.events import (
    PositionSizeLogCommand,
    PositionSizeLogDBUpdate,
    RiskAction,
    RiskEngineCommand,
    RiskEngineUpdate,
    SizeAction,
)
from twilight.domain.model.orders import LONG, Side, TraderOrder
from twilight.domain.model.pool import PositionSizeLog, RiskState

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
