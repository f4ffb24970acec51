"""The group Ristretto255, as libsodium computes it.

Points and scalars are their 32 canonical bytes. libsodium reports a product that is the identity as an
error; here it is the identity, because mathematics says so (decisions E8).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import rbcl  # type: ignore[import-untyped]

# The package unpacks its library into a temporary file and leaves it; it is loaded, so its name can go.
Path(sys.modules["rbcl._sodium"].lib_path).unlink(missing_ok=True)

IDENTITY: Final = bytes(32)
ZERO: Final = bytes(32)


def is_point(encoding: bytes) -> bool:
    """Return whether these are the canonical bytes of a point."""
    return len(encoding) == len(IDENTITY) and bool(rbcl.crypto_core_ristretto255_is_valid_point(encoding))


def is_scalar(encoding: bytes) -> bool:
    """Return whether these are the canonical bytes of a scalar."""
    return len(encoding) == len(ZERO) and reduce(encoding + ZERO) == encoding


def reduce(wide: bytes) -> bytes:
    """Return 64 bytes modulo the group's order."""
    reduced: bytes = rbcl.crypto_core_ristretto255_scalar_reduce(wide)
    return reduced


def random_scalar() -> bytes:
    """Return a fresh secret scalar other than zero, from libsodium's generator."""
    scalar: bytes = rbcl.crypto_core_ristretto255_scalar_random()
    return scalar


def multiply(scalar: bytes, point: bytes) -> bytes:
    """Return the product of a canonical scalar and a canonical point."""
    if IDENTITY in (scalar, point):
        return IDENTITY
    product: bytes = rbcl.crypto_scalarmult_ristretto255(scalar, point)
    return product


def multiply_base(scalar: bytes) -> bytes:
    """Return the product of a canonical scalar and the base point."""
    if scalar == ZERO:
        return IDENTITY
    product: bytes = rbcl.crypto_scalarmult_ristretto255_base(scalar)
    return product


def add(left: bytes, right: bytes) -> bytes:
    """Return the sum of two canonical points."""
    total: bytes = rbcl.crypto_core_ristretto255_add(left, right)
    return total


def scalar_add(left: bytes, right: bytes) -> bytes:
    """Return the sum of two scalars."""
    total: bytes = rbcl.crypto_core_ristretto255_scalar_add(left, right)
    return total


def scalar_multiply(left: bytes, right: bytes) -> bytes:
    """Return the product of two scalars."""
    product: bytes = rbcl.crypto_core_ristretto255_scalar_mul(left, right)
    return product
