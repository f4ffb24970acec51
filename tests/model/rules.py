"""The two profiles: what section 12 and decisions R3, R7, R16, R18 to R21, R27 and R29 let differ."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Rules:
    """One set of options; `REFERENCE` computes as the running reference does, `DEFAULT` as production should."""

    whole_payments: bool = True
    """W-06: a payment is a whole number of sats."""
    capped_payments: bool = True
    """W-04, W-05: nobody loses more than his margin, the pool never pays more than it has."""
    whole_shares: bool = True
    """R7: lend shares are whole numbers."""
    settled_fees: bool = True
    """R18: closes are charged the Settled* percentages."""
    marked_shares: bool = True
    """R19: shares are priced at net asset value, early withdrawals gain nothing, an insolvent pool takes no orders."""
    rechecked_fills: bool = True
    """R20: a resting order must find room in the limits when it fills."""
    best_price_first: bool = True
    """R16: resting longs fill from the highest limit down."""
    first_funding_pays_only: bool = True
    """R21: nobody receives funding in the first hour of a position."""
    withdrawals_keep_limits: bool = True
    """R29: a withdrawal may not leave open positions beyond the limits."""
    lending_needs_price: bool = True
    """R3: no lending while positions are open and the price is not tradable."""

    lend_price_band: Fraction = Fraction(1, 100)
    lend_min_hold_ms: int = 3_600_000
    order_max_age_ms: int = 60_000


DEFAULT = Rules()
REFERENCE = Rules(
    whole_payments=False,
    capped_payments=False,
    whole_shares=False,
    settled_fees=False,
    marked_shares=False,
    rechecked_fills=False,
    best_price_first=False,
    first_funding_pays_only=False,
    withdrawals_keep_limits=False,
    lending_needs_price=False,
)
PROFILES = {"default": DEFAULT, "reference": REFERENCE}
