"""How long to wait before the next attempt to connect.

Price feed specification 4: uniformly random, doubling, never below the venue's floor, never given up.
"""

import random
from typing import Final

FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0
GOOD_DATA_S: Final = 60.0
DOUBLINGS_MAX: Final = 16


class Backoff:
    """The waiting times of one venue."""

    def __init__(self, floor_s: float, chance: random.Random) -> None:
        self._floor_s = floor_s
        self._chance = chance
        self._failures = 0

    def next_s(self) -> float:
        """Return how long to wait after one more failure."""
        limit_s = min(LONGEST_S, FIRST_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, DOUBLINGS_MAX)
        return max(self._floor_s, self._chance.uniform(0, limit_s))

    def worked_for(self, good_data_s: float) -> None:
        """Begin anew if the connection that ended had brought good data for long enough."""
        if good_data_s >= GOOD_DATA_S:
            self._failures = 0
