"""The totals that events announce against those that the orders make (engine specification 13, I-01 and I-02).

`position_size` and `get_market_stats` answer from these events, and nothing in the core's own state follows from them:
an announcement that is missing, invented or wrong is seen here only. Each must be the one before it, changed by what
its own command says; and as soon as the order that it announces has changed, it must equal the sums over all orders.
"""

import math
from typing import NamedTuple

from twilight.audit.finding import Faults, Finding, finding
from twilight.domain.books.state import State
from twilight.wire import events as e

_SIZES = ("short", "long", "all")
_RISKS = ("long", "short", "pending long", "pending short")
_SWITCHES = ("manual_halt", "manual_close_only", "pause_funding", "pause_price_feed")
_RISK_AT = {
    ("Exposure", "LONG"): 0,
    ("Exposure", "SHORT"): 1,
    ("PendingExposure", "LONG"): 2,
    ("PendingExposure", "SHORT"): 3,
}
_ULPS = 2.0**-50
"""Totals beyond 2^53 are rounded on the wire: one step may be off by the last place, the sums are compared exactly."""

Amounts = tuple[float, ...]


class _Step(NamedTuple):
    """What a command changes: which total, and by how much."""

    at: int
    amount: float


class Totals:
    """Takes every event right after it was folded."""

    def __init__(self) -> None:
        self._sizes: Amounts = (0.0, 0.0, 0.0)
        self._risks: Amounts = (0.0, 0.0, 0.0, 0.0)
        self._faults = Faults()
        self._checked = 0

    def take(self, offset: int, event: e.Event, state: State) -> None:
        """Check one event; `state` is the fold of the log up to and including it."""
        match event:
            case e.PositionSizeLogDBUpdateEvent():
                self._announce_size(offset, event)
            case e.RiskEngineUpdateEvent():
                self._announce_risk(offset, event, state)
            case e.TraderOrderEvent() | e.TraderOrderUpdateEvent() | e.TraderOrderLiquidationEvent():
                self._check(f"offset {offset}: after {type(event).__name__.removesuffix('Event')}", state)
            case _:
                pass

    def _announce_size(self, offset: int, event: e.PositionSizeLogDBUpdateEvent) -> None:
        variant, change = event.command.variant()
        sign = 1 if variant == "AddPositionSize" else -1
        amount = sign * change.amount  # type: ignore[attr-defined]  # both variants carry side and amount
        at = 0 if change.position_type == "SHORT" else 1  # type: ignore[attr-defined]
        totals = event.totals
        found = (totals.total_short_positionsize, totals.total_long_positionsize, totals.totalpositionsize)
        expected = _changed(self._sizes, _Step(at, amount), _Step(2, amount))
        self._compare(f"offset {offset}: {variant} announces", _SIZES, expected, found)
        self._sizes = found

    def _announce_risk(self, offset: int, event: e.RiskEngineUpdateEvent, state: State) -> None:
        told = event.state
        found = (
            told.total_long_btc,
            told.total_short_btc,
            told.total_pending_long_btc,
            told.total_pending_short_btc,
        )
        if not isinstance(event.command, str):
            variant, change = event.command.variant()
            side = getattr(change, "position_type", None)
            action, kind = (variant[:3], variant[3:]) if variant.startswith("Add") else (variant[:6], variant[6:])
            steps = [] if side is None else [_Step(_RISK_AT[kind, side], _signed(action, change))]
            self._compare(f"offset {offset}: {variant} announces", _RISKS, _changed(self._risks, *steps), found)
        self._risks = found
        for switch in _SWITCHES:
            if getattr(told, switch) != getattr(state.switches, switch):
                self._faults.add(f"offset {offset}: {switch} is announced as {getattr(told, switch)}")

    def _compare(self, where: str, names: tuple[str, ...], expected: Amounts, found: Amounts) -> None:
        self._checked += 1
        for name, want, have in zip(names, expected, found, strict=True):
            if not math.isclose(want, have, rel_tol=_ULPS):
                self._faults.add(f"{where} {name} {have:.0f}, the one before makes it {want:.0f}")

    def _check(self, where: str, state: State) -> None:
        """Demand that what was announced last is what all orders make together, exactly."""
        sums = state.exposure
        sizes = (float(sums.short_size), float(sums.long_size), float(sums.short_size + sums.long_size))
        risks = tuple(map(float, (sums.long_sats, sums.short_sats, sums.pending_long_sats, sums.pending_short_sats)))
        for what, announced, exact in (("position sizes", self._sizes, sizes), ("exposure", self._risks, risks)):
            if announced != exact:
                self._faults.add(f"{where} the {what} announced are {_text(announced)}, the orders make {_text(exact)}")

    def close(self, state: State) -> Finding:
        """Return whether all announcements were right; the newest must equal the state at the end."""
        self._check("at the end", state)
        figures: dict[str, int | float | str] = {
            "announcements": self._checked,
            "sizes_short_long": _text(self._sizes[:2]),
            "exposure_long_short_sats": _text(self._risks[:2]),
        }
        return finding("totals = orders", figures, self._faults)


def _signed(action: str, change: object) -> float:
    amount: float = change.amount  # type: ignore[attr-defined]  # side and amount, as the caller has seen
    return amount if action == "Add" else -amount


def _changed(before: Amounts, *steps: _Step) -> Amounts:
    """Return totals after some steps; subtractions floor at 0."""
    after = list(before)
    for at, amount in steps:
        after[at] = max(0.0, after[at] + amount)
    return tuple(after)


def _text(amounts: Amounts) -> str:
    return "/".join(f"{amount:.0f}" for amount in amounts)
