"""Scenario files: which market, and what goes wrong when. TOML, read strictly.

seed = 7                      # of the random walk
[quotes.kraken]               # optional: a market that stands still, instead of the walk
BTC = ["61821.90", "61822.00"]
[[fault]]
kind = "offset"               # drop, freeze, silence, delay, garble, offset, cross, clock, flood, drip
venues = ["gemini"]           # names, or the groups all, usd, usdt
at_s = 10
for_s = 20
bps = 40
"""

import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec

from twilight.local.venues.errors import ScenarioError
from twilight.local.venues.faults import AnyFault
from twilight.local.venues.market import Still, Walk
from twilight.local.venues.model import E8
from twilight.local.venues.registry import VENUES


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A market and its faults over time."""

    seed: int | None = None
    quotes: dict[str, dict[str, tuple[str, str]]] = {}
    fault: tuple[AnyFault, ...] = ()

    def market(self, seed: int, price_e8: int | None = None) -> Walk | Still:
        """Return the market: still where quotes are given, else a walk."""
        if not self.quotes:
            start = {} if price_e8 is None else {"price_e8": price_e8}
            return Walk(seed if self.seed is None else self.seed, **start)
        pairs = ((venue, product, sides) for venue, own in self.quotes.items() for product, sides in own.items())
        return Still({(venue, product): (_e8(bid), _e8(ask)) for venue, product, (bid, ask) in pairs})


def read(text: str, source: str = "scenario") -> Scenario:
    """Return the scenario that a text tells.

    Raises:
        ScenarioError: it is no TOML, has an unknown word, or a value of another type.
    """
    try:
        scenario = msgspec.convert(tomllib.loads(text), Scenario)
        strangers = [venue for venue in scenario.quotes if venue not in VENUES]
        if strangers:
            raise ScenarioError(f"{source}: quotes for {strangers[0]!r}, which is no venue")
        scenario.market(0)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ArithmeticError) as error:
        raise ScenarioError(f"{source}: {error}") from error
    return scenario


def load(path: Path) -> Scenario:
    """Return the scenario of a file; errors as in `read`."""
    return read(path.read_text(encoding="utf-8"), str(path))


def _e8(text: str) -> int:
    return int(Decimal(text) * E8)
