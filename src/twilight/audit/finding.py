"""What the audit says: one line for each thing that was proven or refuted."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Finding:
    """One line: what was looked at, whether it holds, the figures, and what is wrong if something is."""

    name: str
    holds: bool
    figures: dict[str, int | float | str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the line for people."""
        figures = " ".join(f"{name}={value}" for name, value in self.figures.items())
        faults = "".join(f"\n      {fault}" for fault in self.faults)
        return f"{'ok  ' if self.holds else 'FAIL'}  {self.name:<22} {figures}{faults}"

    def as_dict(self) -> dict[str, object]:
        """Return the line for machines."""
        return {"name": self.name, "holds": self.holds, "figures": self.figures, "faults": self.faults}


FAULTS_SHOWN_MAX = 10


def finding(name: str, figures: dict[str, int | float | str], faults: list[str]) -> Finding:
    """Return a finding that holds when there are no faults; the first ten faults are kept."""
    shown = faults[:FAULTS_SHOWN_MAX]
    if len(faults) > len(shown):
        shown.append(f"and {len(faults) - len(shown)} more")
    return Finding(name, not faults, figures, shown)
