"""Which arithmetic and which rules hold: the named options of engine 12 and decisions R18 to R30.

Only fixes that change visible numbers are options; every other fix is unconditional.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction


class LiquidationBasis(StrEnum):
    """Which margin the liquidation price is computed from (W-12)."""

    INITIAL = "initial"
    AVAILABLE = "available"


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of options; see each field."""

    name: str
    whole_payment: bool
    """Round a payment once and use the integer on both sides (W-06)."""
    capped_loss: bool
    """A loss never exceeds the margin (W-04)."""
    capped_win: bool
    """A payment never exceeds the pool; what is missing is reported as a shortfall (W-05, R6)."""
    whole_lend_shares: bool
    """Mint and redeem whole shares by integer arithmetic (W-07, R7)."""
    net_asset_value: bool
    """Price shares at the pool's net asset value within a price band (R19)."""
    settled_fees: bool
    """Charge the Settled fees at closes (R18)."""
    refit_at_fill: bool
    """Check limits again when a resting order fires (R20), best price first (R16)."""
    first_funding_pays_only: bool
    """An order does not receive at its first funding after a fill (R21)."""
    withdrawal_limits: bool
    """A withdrawal may not leave open interest above its limits (R29)."""
    lending_needs_price: bool
    """Lending is refused without a tradable price while positions are open (R3)."""
    liquidation_basis: LiquidationBasis = LiquidationBasis.INITIAL
    lend_price_band: Fraction = Fraction(1, 100)
    lend_min_hold_s: int = 3600
    order_max_age_s: int = 60
    trigger_price_check: bool = False


REFERENCE = Profile(
    name="reference",
    whole_payment=False,
    capped_loss=False,
    capped_win=False,
    whole_lend_shares=False,
    net_asset_value=False,
    settled_fees=False,
    refit_at_fill=False,
    first_funding_pays_only=False,
    withdrawal_limits=False,
    lending_needs_price=False,
    lend_min_hold_s=0,
)

DEFAULT = Profile(
    name="default",
    whole_payment=True,
    capped_loss=True,
    capped_win=True,
    whole_lend_shares=True,
    net_asset_value=True,
    settled_fees=True,
    refit_at_fill=True,
    first_funding_pays_only=True,
    withdrawal_limits=True,
    lending_needs_price=True,
)

TEST = replace(DEFAULT, name="test", trigger_price_check=True)

PROFILES = {profile.name: profile for profile in (REFERENCE, DEFAULT, TEST)}
