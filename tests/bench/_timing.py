"""How benches measure: ours and the peer take turns, and medians are compared."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one run: other work on the machine does not count."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def in_turns(contests: dict[str, Callable[[], float]], runs: int) -> dict[str, float]:
    """Return the median of what each contest gives, one run of each after the other."""
    found: dict[str, list[float]] = {name: [] for name in contests}
    for _ in range(runs):
        for name, contest in contests.items():
            found[name].append(contest())
    return {name: statistics.median(values) for name, values in found.items()}


def row(name: str, metric: str, *, ours: float, peer: float, goal: float, **more: Any) -> dict[str, Any]:
    """Return the row of a rate: more is better."""
    ratio = ours / peer
    figures = {"ours": round(ours), "peer": round(peer), "ratio": round(ratio, 3)}
    return {"id": name, "metric": metric, **figures, "goal": goal, "met": ratio >= goal, **more}
