"""Chaos runs whole core processes as the tests of the core do."""

from tests.core.conftest import environment, ticks

__all__ = ["environment", "ticks"]
