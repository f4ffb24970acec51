"""The grid of a chart: which words name a range and a step, and how many points that makes.

API specification 5.2 (``apy_chart``) and 5.3 (``open_interest_chart``).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from twilight.api.errors import CallFailed

POINTS_MAX = 50_000

_DAY, _WEEK, _MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=30)
RANGES: dict[str, timedelta] = (
    dict.fromkeys(("1d", "1day", "24h", "24hours", "24 hours"), _DAY)
    | dict.fromkeys(("7d", "1w", "7days", "7 days"), _WEEK)
    | dict.fromkeys(("30d", "30days", "30 days"), _MONTH)
)
_MINUTES, _HOURS = (1, 5, 15, 30), (1, 2, 4, 12)
STEPS: dict[str, timedelta] = {
    word: timedelta(minutes=count)
    for count in _MINUTES
    for word in (f"{count}m", f"{count} minute", f"{count} minutes")
} | {word: timedelta(hours=count) for count in _HOURS for word in (f"{count}h", f"{count} hour", f"{count} hours")}
DEFAULT_STEPS = {_DAY: timedelta(minutes=1), _WEEK: timedelta(minutes=5), _MONTH: timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Grid:
    """The instants of a chart, both ends inclusive; ``until`` is the current minute."""

    since: datetime
    until: datetime
    step: timedelta


def grid(range_word: str, step_word: str | None) -> Grid:
    """Return the grid that the words name.

    Raises:
        CallFailed: ``UNSUPPORTED_RANGE``, ``UNSUPPORTED_STEP`` or ``TOO_MANY_POINTS``.
    """
    length = duration(RANGES, "range", range_word)
    step = DEFAULT_STEPS[length] if step_word is None else duration(STEPS, "step", step_word)
    if length // step + 1 > POINTS_MAX:
        raise CallFailed("Too many points: use a larger step", reason="TOO_MANY_POINTS", points_max=POINTS_MAX)
    until = datetime.now(UTC).replace(second=0, microsecond=0)
    return Grid(until - length, until, step)


def duration(words: dict[str, timedelta], name: str, word: str) -> timedelta:
    """Return the length that ``word`` names, whatever its case and the blanks around it."""
    found = words.get(word.strip().lower())
    if found is None:
        raise CallFailed(f"Unsupported {name}: {word}", reason=f"UNSUPPORTED_{name.upper()}")
    return found
