"""What a demo trader and a lender want to do next. Pure: chance, clock and market come in."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from twilight.local.traders.book import Order, Stage

PLAYER_ORDERS_MAX: Final = 4
LENDER_ORDERS_MAX: Final = 3
SIDES: Final = ("LONG", "SHORT")
LEVERAGES: Final = (2, 3, 5, 8, 10, 15, 20)
SIZE_SHARES: Final = (0.0002, 0.002)
"""Smallest and largest position as a share of the pool: a tenth of what the risk limits allow."""
DEPOSIT_SHARES: Final = (0.005, 0.02)
MARGIN_SATS_MIN: Final = 1_000
LIMIT_CHANCE: Final = 0.35
LIMIT_BPS: Final = (1.0, 12.0)
TRIGGER_CHANCE: Final = 0.3
TRIGGER_BPS: Final = (30.0, 150.0)
CLOSE_LIMIT_CHANCE: Final = 0.3
REST_CHANCE: Final = 0.25
HOLD_S: Final = (15.0, 90.0)
PATIENCE_S: Final = (20.0, 60.0)
LEND_HOLD_S: Final = (60.0, 300.0)
ANSWER_WITHIN_S: Final = 15.0
"""So long an order is left alone after a request about it."""


@dataclass(frozen=True, slots=True)
class Market:
    """What anybody can see: the index price (USD) and the pool's value (sats)."""

    price: float
    pool_sats: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing this time."""


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """Open a position, at a limit when there is one."""

    side: str
    margin_sats: int
    leverage: int
    limit_price: float | None


@dataclass(frozen=True, slots=True)
class Close:
    """Close a position, at a limit when there is one."""

    order: Order
    limit_price: float | None


@dataclass(frozen=True, slots=True)
class SetTriggers:
    """Set a stop loss and a take profit, either side of the price: which is which depends on the side."""

    order: Order
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take a resting order back."""

    order: Order


@dataclass(frozen=True, slots=True)
class Deposit:
    """Lend to the pool."""

    sats: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take a deposit out of the pool."""

    order: Order


Intent = Rest | OpenPosition | Close | SetTriggers | Cancel | Deposit | Withdraw


def player(rng: random.Random, now_s: float, live: Sequence[Order], market: Market) -> Intent:
    """Return what a trader does next: tend to an order that is due, else open one, else rest."""
    for order in live:
        intent = _tend(rng, now_s, order, market)
        if intent is not None:
            return intent
    if len(live) >= PLAYER_ORDERS_MAX or rng.random() < REST_CHANCE:
        return Rest()
    return _opening(rng, market)


def lender(rng: random.Random, now_s: float, live: Sequence[Order], market: Market) -> Intent:
    """Return what a lender does next."""
    for order in live:
        if order.stage is Stage.OPEN and _due(rng, now_s, order, LEND_HOLD_S):
            return Withdraw(order)
    if len(live) >= LENDER_ORDERS_MAX or rng.random() < REST_CHANCE:
        return Rest()
    return Deposit(max(1, round(market.pool_sats * rng.uniform(*DEPOSIT_SHARES))))


def _tend(rng: random.Random, now_s: float, order: Order, market: Market) -> Intent | None:
    if now_s - order.touched_s < ANSWER_WITHIN_S and order.touched_s > order.since_s:
        return None
    if order.stage is Stage.PENDING and _due(rng, now_s, order, PATIENCE_S):
        return Cancel(order)
    if order.stage is not Stage.OPEN:
        return None
    if _due(rng, now_s, order, HOLD_S):
        # A close limit that was not reached is not asked for twice.
        at_limit = not order.has_close_limit and rng.random() < CLOSE_LIMIT_CHANCE
        return Close(order, _away(rng, market.price, rng.choice((-1, 1)), LIMIT_BPS) if at_limit else None)
    if not order.has_triggers and rng.random() < TRIGGER_CHANCE:
        low, high = (_away(rng, market.price, sign, TRIGGER_BPS) for sign in (-1, 1))
        return SetTriggers(order, low, high)
    return None


def _opening(rng: random.Random, market: Market) -> OpenPosition:
    side, leverage = rng.choice(SIDES), rng.choice(LEVERAGES)
    margin_sats = max(MARGIN_SATS_MIN, round(market.pool_sats * rng.uniform(*SIZE_SHARES) / leverage))
    if rng.random() >= LIMIT_CHANCE:
        return OpenPosition(side, margin_sats, leverage, None)
    sign = -1 if side == "LONG" else 1
    return OpenPosition(side, margin_sats, leverage, _away(rng, market.price, sign, LIMIT_BPS))


def _due(rng: random.Random, now_s: float, order: Order, span_s: tuple[float, float]) -> bool:
    return now_s - order.since_s > rng.uniform(*span_s)


def _away(rng: random.Random, price: float, sign: int, span_bps: tuple[float, float]) -> float:
    return round(price * (1.0 + sign * rng.uniform(*span_bps) / 10_000.0), 2)
