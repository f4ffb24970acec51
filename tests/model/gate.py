"""What is refused before anything is looked up: wrong numbers (R1, R23), age (C8), the gates (7.3, 7.4, R3, R24)."""

from typing import Any

from tests.model.formulas import LONG
from tests.model.ledger import DEGRADED, HEALTHY, Ledger

VALUE_LIMIT = 2**50
LEVERAGE_MAX = 50
PRICE_LIMIT = 2**32 / 100
TLV_LIMIT = 2**53
SHARES_LIMIT = 2**53 / 10**4

Refusal = str | None


def whole(value: float, low: int, limit: float) -> bool:
    """Say whether the number is a whole one from ``low`` to below ``limit``."""
    return value == int(value) and low <= value < limit


def right_price(value: float) -> bool:
    return 0 < value < PRICE_LIMIT


def right_open(request: dict[str, Any], legs: dict[str, Any]) -> bool:
    """R1 for a create; a market order has no price of its own."""
    margin, leverage = request["initial_margin"], request["leverage"]
    return (
        whole(margin, 1, VALUE_LIMIT)
        and whole(leverage, 1, LEVERAGE_MAX + 1)
        and margin * leverage < VALUE_LIMIT
        and (request["order_type"] != "LIMIT" or right_price(request["entryprice"]))
        and all(right_price(price) for price in legs.values() if price is not None)
    )


def market_status(ledger: Ledger) -> tuple[str, str]:
    """7.1."""
    if ledger.switches["manual_halt"]:
        return "HALT", "MANUAL_HALT"
    if ledger.switches["manual_close_only"]:
        return "CLOSE_ONLY", "MANUAL_CLOSE_ONLY"
    if ledger.tlv <= 0:
        return "HALT", "POOL_EQUITY_INVALID"
    return HEALTHY, ""


def too_old(ledger: Ledger, broker_ms: int | None) -> Refusal:
    """C8."""
    old = broker_ms is not None and ledger.now_ms - broker_ms > ledger.rules.order_max_age_ms
    return "COMMAND_TOO_OLD" if old else None


def open_refusal(ledger: Ledger, side: str, value: int, leverage: float) -> Refusal:  # noqa: PLR0911 - one return for each check, in the specification's order
    """7.3 in the order of R24."""
    status, reason = market_status(ledger)
    if not ledger.tradable:
        return "PRICE_FEED_PAUSED"
    if status != HEALTHY:
        return f"{status}:{reason}"
    if ledger.feed == DEGRADED:
        return "CLOSE_ONLY:PRICE_FEED_DEGRADED"
    if ledger.insolvent():
        return "POOL_UNDER_WATER"
    if 0 < ledger.params["max_leverage"] < leverage:
        return "LEVERAGE_TOO_HIGH"
    if ledger.params["min_position_btc"] > 0 and value < ledger.params["min_position_btc"]:
        return "BELOW_MIN_SIZE"
    return limit_refusal(ledger, side, value, ledger.exposure["LONG"], ledger.exposure["SHORT"])


def limit_refusal(ledger: Ledger, side: str, value: int, long: int, short: int) -> Refusal:
    """7.3, checks 8 to 11, with 2.15."""
    equity, net = float(ledger.tlv), float(long - short)
    room_open = max(0.0, ledger.params["max_oi_mult"] * equity - float(long + short))
    room_net = max(0.0, ledger.params["max_net_mult"] * equity + (-net if side == LONG else net))
    room_position = ledger.params["max_position_pct"] * equity
    if value > room_position:
        return "SIZE_TOO_LARGE"
    if value > room_open:
        return "OI_LIMIT_REACHED"
    return "SKEW_LIMIT_REACHED" if value > room_net else None


def close_refusal(ledger: Ledger) -> Refusal:
    """7.4 for a close: not at a held price, not under a manual halt; an empty pool does not stop it (R6)."""
    if not ledger.tradable:
        return "PRICE_FEED_PAUSED"
    return "HALT:MANUAL_HALT" if ledger.switches["manual_halt"] else None


def lend_refusal(ledger: Ledger) -> Refusal:
    """7.4 for lending as R3 and R24 have it."""
    if ledger.switches["manual_halt"]:
        return "HALT:MANUAL_HALT"
    if ledger.tlv <= 0:
        return "HALT:POOL_EQUITY_INVALID"
    if ledger.rules.lending_needs_price and not ledger.tradable and ledger.filled():
        return "PRICE_FEED_PAUSED"
    return None


def withdrawal_refusal(ledger: Ledger, tlv_after: int) -> Refusal:
    """R29."""
    long, short = ledger.exposure["LONG"], ledger.exposure["SHORT"]
    if long + short > ledger.params["max_oi_mult"] * tlv_after:
        return "OI_LIMIT_REACHED"
    return "SKEW_LIMIT_REACHED" if abs(long - short) > ledger.params["max_net_mult"] * tlv_after else None
