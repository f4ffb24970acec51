"""When a part that died is started again. Pure: times come in."""

from dataclasses import dataclass

FIRST_S = 0.5
LONGEST_S = 30.0
PROVEN_S = 60.0
DOUBLINGS_MAX = 16
"""More would not lengthen the pause, and after a night of deaths no longer fit a float."""


@dataclass(slots=True)
class Restarts:
    """The back-off of one part: each death doubles the pause, a minute of life forgives the deaths before."""

    count: int = 0
    _in_a_row: int = 0

    def after_death(self, lived_s: float) -> float:
        """Count a death and return how long to wait (seconds) before the next start."""
        self.count += 1
        self._in_a_row = 1 if lived_s >= PROVEN_S else self._in_a_row + 1
        return float(min(LONGEST_S, FIRST_S * 2 ** min(DOUBLINGS_MAX, self._in_a_row - 1)))
