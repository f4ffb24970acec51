"""The risk gate: what the market's state and limits allow (engine 7, decisions R1 to R6, R20, R23, R24, R29)."""

from dataclasses import dataclass
from math import isfinite

from twilight.domain import answers
from twilight.domain.books.exposure import value_of
from twilight.domain.books.state import State
from twilight.domain.books.valuation import under_water
from twilight.domain.context import TRADABLE, Case
from twilight.domain.model.chain import Operation
from twilight.domain.model.errors import Rejected
from twilight.domain.model.inputs import FeedStatus
from twilight.domain.model.numbers import is_whole
from twilight.domain.model.orders import FILLED, LONG, SHORT, OrderStatus, Side

LEVERAGE_MAX = 50
AMOUNT_LIMIT_SATS = 2**50
PRICE_LIMIT = 2**32 / 100
MS_PER_S = 1000
NS_PER_MS = 1_000_000


def refuse(code: str, detail: str = "") -> Rejected:
    """Return a refusal of the risk gate; the code stands first in the reason."""
    reason = f"{code} {detail}" if detail else f"{code} Risk engine rejected order"
    return Rejected(OrderStatus.REJECTED_BY_RISK_ENGINE, reason, answers.RISK_REJECTED)


def wrong(field: str, expected: str, found: object) -> Rejected:
    """Return a refusal of a parameter, naming field, limit and value (R1)."""
    reason = f"{field} must be {expected}, was {found}"
    return Rejected(OrderStatus.CANCELLED, reason, answers.WRONG_PARAMETER)


def check_whole_sats(field: str, value: float) -> None:
    """Refuse an amount that is not a whole number of sats from 1 to below 2^50 (R1, R23)."""
    if not is_whole(value) or not 1 <= value < AMOUNT_LIMIT_SATS:
        raise wrong(field, "a whole number of sats from 1 to below 2^50", value)


def check_price(field: str, value: float) -> None:
    """Refuse a limit, stop-loss or take-profit price that is not finite, positive and below 2^32 cents (R1)."""
    if not isfinite(value) or not 0 < value < PRICE_LIMIT:
        raise wrong(field, "a positive price below 2^32 cents", value)


def check_leverage(margin_sats: float, leverage: float) -> None:
    """Refuse a leverage that is not a whole number up to 50, and a value of 2^50 sats or more (R1)."""
    if not is_whole(leverage) or not 1 <= leverage <= LEVERAGE_MAX:
        raise wrong("leverage", f"a whole number from 1 to {LEVERAGE_MAX}", leverage)
    if margin_sats * leverage >= AMOUNT_LIMIT_SATS:
        raise wrong("initial_margin times leverage", "below 2^50 sats", margin_sats * leverage)


def check_age(case: Case, broker_time_ms: int | None) -> None:
    """Refuse an open or close that waited too long to be meant any more (C8)."""
    limit_s = case.context.profile.order_max_age_s
    if broker_time_ms is None or limit_s == 0:
        return
    age_ms = case.conditions.now_ns // NS_PER_MS - broker_time_ms
    if age_ms > limit_s * MS_PER_S:
        raise refuse("COMMAND_TOO_OLD", f"age {age_ms} ms, limit {limit_s * MS_PER_S} ms")


@dataclass(frozen=True, slots=True)
class Market:
    """The market's status and why (7.1)."""

    status: str
    reason: str | None = None


_HEALTHY = Market("HEALTHY")


def market(state: State) -> Market:
    """Return the market's status; the first that holds."""
    if state.switches.manual_halt:
        return Market("HALT", "MANUAL_HALT")
    if state.switches.manual_close_only:
        return Market("CLOSE_ONLY", "MANUAL_CLOSE_ONLY")
    if state.pool.total_locked_value_sats <= 0:
        return Market("HALT", "POOL_EQUITY_INVALID")
    return _HEALTHY


@dataclass(slots=True)
class Headroom:
    """How much entry value may still be opened, in sats (2.15)."""

    open_interest: float
    long_skew: float
    short_skew: float
    position: float

    def skew(self, side: Side) -> float:
        """Return the room for the side's net exposure."""
        return self.long_skew if side is LONG else self.short_skew

    def largest(self, side: Side) -> float:
        """Return the largest position of that side."""
        return min(self.open_interest, self.skew(side), self.position)


def headroom(state: State, extra_long_sats: int = 0, extra_short_sats: int = 0) -> Headroom:
    """Return the limits on the filled exposure, counting more of each side as filled (7.3, R20).

    A withdrawal in flight counts as paid (C11).
    """
    leaving = sum(one.amount_sats for one in state.intents.values() if one.operation is Operation.WITHDRAW)
    params, equity = state.params, float(state.pool.total_locked_value_sats - leaving)
    long, short = _exposure(state)
    long, short = long + extra_long_sats, short + extra_short_sats
    net = float(long - short)
    return Headroom(
        max(0.0, params.max_oi_mult * equity - float(long + short)),
        max(0.0, params.max_net_mult * equity - net),
        max(0.0, params.max_net_mult * equity + net),
        params.max_position_pct * equity,
    )


def _exposure(state: State) -> tuple[int, int]:
    """Return the entry value of longs and of shorts; opens and fills in flight count as filled (C11)."""
    long, short = state.exposure.long_sats, state.exposure.short_sats
    for intent in state.intents.values():
        if intent.order is not None and intent.order.status is FILLED:
            value = value_of(intent.order)
            long, short = (long + value, short) if intent.order.side is LONG else (long, short + value)
    return long, short


def crossed_limit(room: Headroom, side: Side, value_sats: float) -> tuple[str, float] | None:
    """Return the code and the limit of the first of checks 8 to 11 that is crossed (7.3); equality is allowed."""
    largest = room.largest(side)
    if value_sats <= largest:
        return None
    limits = (
        ("SIZE_TOO_LARGE", room.position),
        ("OI_LIMIT_REACHED", room.open_interest),
        ("SKEW_LIMIT_REACHED", room.skew(side)),
        ("LIMIT_REACHED", largest),
    )
    for code, limit in limits:
        if value_sats > limit:
            return code, limit
    return None


def gate_open(case: Case, side: Side, margin_sats: float, leverage: float) -> None:
    """Let an open pass, or say which rule refuses it (7.3, R24)."""
    state, feed = case.state, case.feed_status
    if feed not in TRADABLE:
        raise refuse("PRICE_FEED_PAUSED")
    status = market(state)
    if status.reason is not None:
        raise refuse(f"{status.status}:{status.reason}")
    if feed is FeedStatus.DEGRADED:
        raise refuse("CLOSE_ONLY:PRICE_FEED_DEGRADED")
    if under_water(state, case.context.profile):
        raise refuse("POOL_UNDER_WATER")
    _gate_size(state, side, margin_sats, leverage)


def _gate_size(state: State, side: Side, margin_sats: float, leverage: float) -> None:
    params, value = state.params, margin_sats * leverage
    if params.max_leverage > 0 and leverage > params.max_leverage:
        raise refuse("LEVERAGE_TOO_HIGH", f"leverage {leverage:g}, limit {params.max_leverage:g}")
    if params.min_position_sats > 0 and value < params.min_position_sats:
        raise refuse("BELOW_MIN_SIZE", f"value {value:.0f} sats, limit {params.min_position_sats:.0f}")
    crossed = crossed_limit(headroom(state), side, value)
    if crossed is not None:
        code, limit = crossed
        raise refuse(code, f"value {value:.0f} sats, limit {limit:.0f}")


def gate_close(case: Case) -> None:
    """Let a close pass unless there is no price to close at, or the market is halted by hand (7.4, R3, R6)."""
    if not case.tradable:
        raise refuse("PRICE_FEED_PAUSED")
    if case.state.switches.manual_halt:
        raise refuse("HALT:MANUAL_HALT")


def gate_lend(case: Case) -> None:
    """Let a deposit or withdrawal pass (7.4, R3, R6, R24)."""
    state = case.state
    if state.switches.manual_halt:
        raise refuse("HALT:MANUAL_HALT")
    if state.pool.total_locked_value_sats <= 0:
        raise refuse("HALT:POOL_EQUITY_INVALID")
    if case.context.profile.lending_needs_price and has_positions(state) and not case.tradable:
        raise refuse("PRICE_FEED_PAUSED")


def has_positions(state: State) -> bool:
    """Return whether any order is FILLED."""
    return state.exposure.long_sats + state.exposure.short_sats > 0


def gate_withdrawal_limits(state: State, equity_after_sats: int) -> None:
    """Refuse a withdrawal after which open positions would stand above the limits (R29)."""
    params, (long, short) = state.params, _exposure(state)
    open_interest, net = long + short, abs(long - short)
    for code, found, multiple in (
        ("OI_LIMIT_REACHED", open_interest, params.max_oi_mult),
        ("SKEW_LIMIT_REACHED", net, params.max_net_mult),
    ):
        limit = multiple * equity_after_sats
        if found > limit:
            raise refuse(code, f"exposure {found} sats, limit after the withdrawal {limit:.0f}")


def may_fill(case: Case) -> bool:
    """Return whether resting opens may fill: market and feed healthy, the pool above water (R4, R19)."""
    if case.feed_status is not FeedStatus.HEALTHY or market(case.state).reason is not None:
        return False
    return not under_water(case.state, case.context.profile)


@dataclass(frozen=True, slots=True)
class RiskStats:
    """What `GetRiskStats` reports (engine 11)."""

    long_pct: float
    max_long_sats: float
    max_short_sats: float
    net_exposure_sats: int
    open_interest_sats: int
    pool_equity_sats: int
    short_pct: float
    status: str
    status_reason: str | None
    total_long_sats: int
    total_short_sats: int
    utilization: float


def risk_stats(state: State) -> RiskStats:
    """Return exposure, headroom and status as they are; no room unless HEALTHY (2.15)."""
    sums, room, status = state.exposure, headroom(state), market(state)
    equity, interest = state.pool.total_locked_value_sats, sums.long_sats + sums.short_sats
    healthy = status.reason is None
    return RiskStats(
        sums.long_sats / interest if interest else 0.0,
        room.largest(LONG) if healthy else 0.0,
        room.largest(SHORT) if healthy else 0.0,
        sums.long_sats - sums.short_sats,
        interest,
        equity,
        sums.short_sats / interest if interest else 0.0,
        status.status,
        status.reason,
        sums.long_sats,
        sums.short_sats,
        interest / equity if equity > 0 else 0.0,
    )
