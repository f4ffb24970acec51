"""Arithmetic over columns that a formula of one number gives: scores, and the exact sum of what is accrued."""

from math import copysign, nextafter

import numpy as np
from numpy.typing import NDArray

from twilight.domain.model.numbers import EXACT_FLOAT_MAX, SCORE_PER_DOLLAR

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BELOW_HALF = nextafter(0.5, 0.0)
"""Added before the fraction is cut off, it rounds halves away from zero and lets 0.49999999999999994 be 0."""


def scores(prices: Floats) -> Ints:
    """Return the scores of finite prices of 0 or more, as `numbers.score` gives them."""
    scaled = prices * SCORE_PER_DOLLAR
    if scaled.max(initial=0.0) < 2.0**63:
        return scaled.astype(np.int64)
    below = np.minimum(scaled, np.nextafter(2.0**63, 0.0))
    return np.where(scaled < 2.0**63, below.astype(np.int64), 2**63 - 1)


def sum_of_accrued(available: Floats, margin: Floats, room: Floats) -> int:
    """Return the exact sum of R(A - M), whatever its size; there is room for two columns of what comes between."""
    nearest = np.subtract(available, margin, out=room[0])
    least, most = nearest.min(initial=0.0), nearest.max(initial=0.0)
    nearest += np.copysign(BELOW_HALF, nearest, out=room[1]) if least < 0 < most else copysign(BELOW_HALF, least + most)
    np.trunc(nearest, out=nearest)
    if len(nearest) * (max(most, -least) + 1) < EXACT_FLOAT_MAX:
        return int(nearest.sum())
    whole = nearest.astype(np.int64)
    return (int((whole >> 25).sum()) << 25) + int((whole & (2**25 - 1)).sum())
