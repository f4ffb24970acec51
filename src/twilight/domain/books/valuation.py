"""What the pool is worth with its open positions marked (decisions R19).

Exact rational arithmetic on whole numbers: the pool's net asset value at a price q is

    TLV - V_long + V_short + (P_long - P_short) / q - sum of R(A - M)

over FILLED orders. Without it a lender who sees a loss coming leaves before it, and one who sees a win coming buys in.
"""

from fractions import Fraction
from math import ceil, floor

from twilight.domain.books.state import State
from twilight.domain.model.profile import Profile


def unmarked_sats(state: State) -> int:
    """Return the part of the pool's value that does not depend on the price."""
    sums = state.exposure
    return state.pool.total_locked_value_sats - sums.long_sats + sums.short_sats - sums.accrued_sats


def net_asset_value(state: State, price: Fraction | int) -> Fraction:
    """Return the pool's value in sats at this price; without positions it is TLV at any price."""
    size = state.exposure.long_size - state.exposure.short_size
    return Fraction(unmarked_sats(state)) + (Fraction(size) / price if size else 0)


def under_water(state: State, profile: Profile) -> bool:
    """Return whether the pool owes its traders more than it has, at the current price."""
    if not profile.net_asset_value:
        return False
    price = int(state.price)
    size = state.exposure.long_size - state.exposure.short_size
    if price <= 0:
        return unmarked_sats(state) <= 0
    return price * unmarked_sats(state) + size <= 0


def _at_the_band(state: State, profile: Profile) -> tuple[Fraction, Fraction]:
    price, band = int(state.price), profile.lend_price_band
    if price <= 0:
        value = Fraction(unmarked_sats(state))
        return value, value
    return net_asset_value(state, price * (1 - band)), net_asset_value(state, price * (1 + band))


def deposit_value(state: State, profile: Profile) -> int:
    """Return the value that a new share is bought at: the larger at the band's ends, rounded up."""
    if not profile.net_asset_value:
        return state.pool.total_locked_value_sats
    return ceil(max(_at_the_band(state, profile)))


def withdrawal_value(state: State, profile: Profile) -> int:
    """Return the value that a share is redeemed at: the smaller at the band's ends, rounded down."""
    if not profile.net_asset_value:
        return state.pool.total_locked_value_sats
    return floor(min(_at_the_band(state, profile)))
