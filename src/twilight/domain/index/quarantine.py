"""Sources that stay away from the others are set aside, and must show patience to come back.

Price feed specification 7, steps 4 and 5.
"""

from collections.abc import Mapping, Sequence

from twilight.domain.index.average import form
from twilight.domain.index.model import Member, Opinion, Streaks
from twilight.domain.index.params import IndexParams
from twilight.domain.index.units import BPS


def advance(
    params: IndexParams, streaks: Streaks, t_ms: int, opinion: Opinion, aside: Sequence[Member], sources: int
) -> Streaks:
    """Return the streaks after a tick with this opinion of the others and these quarantined, usable ones.

    ``sources`` is how many there are in all; without a median nobody can be near it.
    """
    outlier_since, quarantined = streaks
    names = [name for _, name, _, _ in opinion.outside]
    if not names and not outlier_since and not quarantined:
        return streaks
    since = {name: outlier_since.get(name, t_ms) for name in names}
    caught = [name for name in names if t_ms - since[name] >= params.quar_after_ms]
    middle = _common(params, aside) if len(quarantined) == sources else opinion.median
    waiting = _waiting(params, quarantined, t_ms, aside, middle)
    return Streaks(
        {name: start for name, start in since.items() if name not in caught},
        waiting | dict.fromkeys(caught),
    )


def _common(params: IndexParams, aside: Sequence[Member]) -> int:
    """Return the median of the quarantined, 0 without one that is usable.

    It counts when every source is in quarantine: two halves that were far apart reject each other, and with nobody
    left to be near to, none could ever come back although all agree again.
    """
    return form(params, sorted(aside)).median if aside else 0


def _waiting(
    params: IndexParams,
    quarantined: Mapping[str, int | None],
    t_ms: int,
    aside: Sequence[Member],
    middle: int,
) -> dict[str, int | None]:
    """Return who is still quarantined after this tick, with the start of each one's time inside."""
    near = {name for price, name, _, _ in aside if abs(price - middle) * BPS <= params.quar_back_bps * middle}
    waiting: dict[str, int | None] = {}
    for name, inside_since in quarantined.items():
        if name not in near:
            waiting[name] = None
            continue
        start = t_ms if inside_since is None else inside_since
        if t_ms - start < params.quar_back_ms:
            waiting[name] = start
    return waiting
