"""What the audit says: one line for each thing that was proven or refuted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Figures = dict[str, int | float | str]
FAULTS_SHOWN_MAX = 10


@dataclass(slots=True)
class Finding:
    """One line: what was looked at, whether it holds, the figures, and what is wrong if something is."""

    name: str
    holds: bool
    figures: Figures = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the line for people."""
        figures = " ".join(f"{name}={value}" for name, value in self.figures.items())
        faults = "".join(f"\n      {fault}" for fault in self.faults)
        return f"{'ok  ' if self.holds else 'FAIL'}  {self.name:<22} {figures}{faults}"

    def as_dict(self) -> dict[str, object]:
        """Return the line for machines."""
        return {"name": self.name, "holds": self.holds, "figures": self.figures, "faults": self.faults}


class Faults:
    """What is wrong with one thing: the first faults in words, all of them counted."""

    def __init__(self, faults: Sequence[str] = ()) -> None:
        self.shown: list[str] = []
        self.count = 0
        self.extend(faults, len(faults))

    def add(self, fault: str) -> None:
        """Add one."""
        self.extend([fault], 1)

    def extend(self, faults: Sequence[str], count: int) -> None:
        """Add `count` faults, of which some are told in words."""
        self.count += count
        self.shown.extend(faults[: FAULTS_SHOWN_MAX - len(self.shown)])


def finding(name: str, figures: Figures, faults: Faults | Sequence[str]) -> Finding:
    """Return a finding that holds when there are no faults; the first ten are shown, the rest are counted."""
    found = faults if isinstance(faults, Faults) else Faults(faults)
    rest = found.count - len(found.shown)
    return Finding(name, not found.count, figures, [*found.shown, f"and {rest} more"] if rest else found.shown)
