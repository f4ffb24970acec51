"""Section 2 of the engine specification: what a position is worth, costs and risks.

Doubles, in the specification's order of operations, so every digit equals the reference's. Money that moves is
rounded once, where the specification says so.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from twilight.domain.model.numbers import round_half_away
from twilight.domain.model.orders import LONG, Side

PERCENT = 100
FUNDING_PSI = 1
FUNDING_INDEX_SCALE = 2**96


def entry_value(initial_margin_sats: float, leverage: float) -> float:
    """Return V, the position's worth in sats when it was opened (2.1)."""
    return initial_margin_sats * leverage


def position_size(value_sats: float, entry_price: float) -> float:
    """Return P, sats times dollars per bitcoin (2.2)."""
    return value_sats * entry_price


def bankruptcy_price(entry_price: float, leverage: float, side: Side) -> float:
    """Return the price at which the position has lost exactly its margin (2.3).

    An inverse position is worth ``size / price`` bitcoin, so a long's loss grows without bound as the price falls.
    A short at leverage 1 or below cannot go bankrupt: the result is then 0.
    """
    if side is LONG:
        return entry_price * leverage / (leverage + 1)
    return entry_price * leverage / (leverage - 1) if leverage > 1 else 0.0


def bankruptcy_value(size: float, bankruptcy: float) -> float:
    """Return W, the position's worth in sats at its bankruptcy price (2.4)."""
    return size / bankruptcy if bankruptcy > 0 else 0.0


def maintenance_margin(
    value_sats: float, bankruptcy_value_sats: float, fee_pct: float, rate_pct: float, mm_ratio: float
) -> float:
    """Return K, the equity below which the position is liquidated (2.5)."""
    return (mm_ratio * value_sats + fee_pct * bankruptcy_value_sats + rate_pct * bankruptcy_value_sats) / PERCENT


def liquidation_price(
    entry_price: float, size: float, maintenance_sats: float, margin_sats: float, side: Side
) -> float:
    """Return Q, the price at which equity equals the maintenance margin; 0 where there is none (2.6, W-08, R27)."""
    if entry_price == 0 or size == 0:
        return 0.0
    deficit = entry_price * (maintenance_sats - margin_sats)
    divisor = (-deficit if side is LONG else deficit) + size
    if divisor == 0:
        return 0.0
    price = entry_price * size / divisor
    return price if price > 0 and isfinite(price) else 0.0


def fee(fee_pct: float, size: float, price: float) -> float:
    """Return the fee in sats at this price, at least 1 sat, not rounded (2.7)."""
    return max(1.0, fee_pct / PERCENT * size / price)


def unrealized_pnl(size: float, entry_price: float, price: float, side: Side) -> float:
    """Return what the position has won in sats at this price (2.8)."""
    if entry_price <= 0 or price <= 0:
        return 0.0
    change = price - entry_price if side is LONG else entry_price - price
    return size * change / (entry_price * price)


def accrued(available_margin_sats: float, initial_margin_sats: float) -> int:
    """Return R(A - M): the fees and funding that wait for the settlement (2.9)."""
    return round_half_away(available_margin_sats - initial_margin_sats)


@dataclass(slots=True)
class Settlement:
    """What a close pays: `payment_sats` as recorded, the whole sats that the pool and the trader see, the figures."""

    payment_sats: float
    pool_pays_sats: int
    payout_sats: int
    pnl_sats: int
    fee_sats: float
    shortfall_sats: int = 0


@dataclass(slots=True)
class Caps:
    """Which corrections hold for a settlement (W-04 to W-06); `pool_sats` is what the pool has."""

    whole_payment: bool
    capped_loss: bool
    capped_win: bool
    pool_sats: int


def settlement(pnl: float, margin_sats: float, available_sats: float, fee_sats: float, caps: Caps) -> Settlement:
    """Return what a close pays, between trader and pool (2.9).

    A loss never exceeds the margin and a win never the pool, where the profile caps them: after a gap the pool bears
    the rest of the loss, and what a winner misses is the shortfall.
    """
    won = round_half_away(pnl)
    payment: float = won + accrued(available_sats, margin_sats) - fee_sats
    if caps.whole_payment:
        payment = float(round_half_away(payment))
    if caps.capped_loss:
        payment = max(payment, -margin_sats)
    shortfall = 0
    if caps.capped_win and payment > caps.pool_sats:
        shortfall = round_half_away(payment) - caps.pool_sats
        payment = float(caps.pool_sats)
    paid = round_half_away(payment)
    payout = round_half_away(margin_sats + payment)
    return Settlement(payment, paid, payout, won, fee_sats, shortfall)


def funding_rate(long_size: float, short_size: float, total_size: float) -> float:
    """Return the hourly rate in percent; positive: longs pay. 0 for an empty or balanced book (2.11, R17)."""
    if total_size == 0 or long_size == short_size:
        return 0.0
    skew = (long_size - short_size) / total_size
    rate = skew * skew / (8.0 * FUNDING_PSI)
    return rate if long_size > short_size else -rate


def funding_payment(rate_pct: float, size: float, price: float) -> float:
    """Return what a long pays, and a short receives, for one hour (2.11)."""
    return rate_pct * size / (price * PERCENT)


def funding_index_step(rate_pct: float, price: float) -> int:
    """Return one hour's step of the cumulative index, exact, scale 2^96 (R12)."""
    step = Fraction(rate_pct) * FUNDING_INDEX_SCALE / (PERCENT * int(price))
    doubled = 2 * step
    whole = (abs(doubled).numerator + doubled.denominator) // (2 * doubled.denominator)
    return whole if step >= 0 else -whole
