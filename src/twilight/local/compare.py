"""Hold what the feeder published while a recording played against the index that the recording is to give."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from twilight.domain.index.tick import PriceTick
from twilight.local.files import read_json
from twilight.local.layout import Layout
from twilight.local.venues.control import Status
from twilight.ops.errors import SettingsError

TOLERANCE_BPS: Final = 0.5
TICK_MS: Final = 250
BPS: Final = 10_000
E8: Final = 100_000_000


class Expected(NamedTuple):
    """What a feeder is to publish at one moment of a recording."""

    status: str
    price: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many expected ticks were published and how far the worst was off; `apart` names those that differ."""

    expected: int
    compared: int
    worst_bps: float
    apart: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Return whether every expected tick was published, as expected."""
        return self.compared == self.expected and not self.apart


def read_expected(path: Path) -> dict[int, Expected]:
    """Return the rows of a file of expected ticks by their time in the recording (ms).

    Raises:
        SettingsError: it is no such file.
    """
    try:
        with path.open(newline="") as lines:
            return {int(row["t_ms"]): Expected(row["status"], float(row["price"])) for row in csv.DictReader(lines)}
    except (KeyError, ValueError, TypeError) as error:
        raise SettingsError([f"{path}: expected columns t_ms, status, price, found {error}"]) from None


def opened_at_ms(layout: Layout) -> int:
    """Return when (unix ms) the recording that was played last on this data folder began.

    Raises:
        SettingsError: none was.
    """
    status = read_json(layout.venue_status, Status)
    if status is None or status.started_at_ms is None or not status.market.startswith("replay"):
        raise SettingsError([f"no recording was played on {layout.root}: twilight up --market replay FILE"])
    return status.started_at_ms


def compare(expected: Mapping[int, Expected], opened_ms: int, ticks: Iterable[PriceTick]) -> Comparison:
    """Compare every tick that was published at an expected moment.

    A recording begins on a tick of the feeder, so a tick belongs to the moment at or just before its label.
    """
    compared, worst_bps, apart = 0, 0.0, []
    for tick in ticks:
        t_ms = (tick.ts_ms - opened_ms) // TICK_MS * TICK_MS
        wanted = expected.get(t_ms)
        if wanted is None:
            continue
        compared += 1
        off_bps = abs(tick.price_e8 / E8 / wanted.price - 1) * BPS
        worst_bps = max(worst_bps, off_bps)
        if off_bps > TOLERANCE_BPS or tick.status != wanted.status:
            found = f"{tick.price_e8 / E8:.2f} {tick.status}, expected {wanted.price:.2f} {wanted.status}"
            apart.append(f"{t_ms} ms (tick {tick.seq}): {found}: {off_bps:.2f} bps")
    return Comparison(len(expected), compared, worst_bps, tuple(apart))
