"""Section 2 of the engine specification, one function a formula, in doubles and in the order written there."""

from fractions import Fraction

from tests.model.arithmetic import rounded

LONG, SHORT = "LONG", "SHORT"


def bankruptcy_price(entry_price: float, leverage: float, side: str) -> float:
    """2.3; 0 for a short that cannot go bankrupt."""
    if side == LONG:
        return entry_price * leverage / (leverage + 1.0)
    return entry_price * leverage / (leverage - 1.0) if leverage > 1.0 else 0.0


def bankruptcy_value(size: float, price: float) -> float:
    """2.4."""
    return size / price if price > 0.0 else 0.0


def maintenance_margin(mm_ratio: float, value: float, fee: float, rate: float, bankrupt_value: float) -> float:
    """2.5; ratio, fee and rate are percentages."""
    return (mm_ratio * value + fee * bankrupt_value + rate * bankrupt_value) / 100.0


def liquidation_price(entry_price: float, size: float, side: str, maintenance: float, margin: float) -> float:
    """2.6; R27: 0 when there is no finite positive price."""
    sign = -1.0 if side == LONG else 1.0
    below = sign * entry_price * (maintenance - margin) + size
    if entry_price == 0.0 or size == 0.0 or below == 0.0:
        return 0.0
    price = entry_price * size / below
    return price if 0.0 < price < float("inf") else 0.0


def fee_sats(percent: float, size: float, price: float) -> float:
    """2.7: never below one sat."""
    return max(1.0, percent / 100.0 * size / price)


def unrealized_pnl(entry_price: float, price: float, size: float, side: str) -> float:
    """2.8."""
    if entry_price <= 0.0 or price <= 0.0:
        return 0.0
    gain = price - entry_price if side == LONG else entry_price - price
    return size * gain / (entry_price * price)


def funding_rate(long_size: float, short_size: float, total_size: float) -> float:
    """2.11; R17: never a negative zero."""
    if total_size == 0.0:
        return 0.0
    skew = (long_size - short_size) / total_size
    rate = skew * skew / 8.0
    return rate if long_size > short_size or rate == 0.0 else -rate


def funding_payment(rate: float, size: float, price: float) -> float:
    """2.11: what a long pays."""
    return rate * size / (price * 100.0)


def funding_index_step(rate: float, price: int) -> int:
    """R12."""
    return rounded(Fraction(rate) * 2**96 / (100 * price))
