"""One accepted tick: liquidations, closes, fills, in that order (5.2, R4, R16, R20, R26)."""

from collections.abc import Callable

from tests.model import closing, gate, opening
from tests.model.arithmetic import rounded, score
from tests.model.formulas import LONG, SHORT
from tests.model.ledger import DEGRADED, HEALTHY, Ledger
from tests.model.orders import Trader

CLOSE_SETS = (
    ("limit", SHORT, "BulkSearchRemoveCloseLimitPrice", SHORT),
    ("limit", LONG, "BulkSearchRemoveCloseLimitPrice", LONG),
    ("sl", LONG, "BulkSearchRemoveSLTPCloseLIMITPrice", SHORT),
    ("tp", SHORT, "BulkSearchRemoveSLTPCloseLIMITPrice", SHORT),
    ("sl", SHORT, "BulkSearchRemoveSLTPCloseLIMITPrice", LONG),
    ("tp", LONG, "BulkSearchRemoveSLTPCloseLIMITPrice", LONG),
)
"""The six close sets in the order of 5.2: leg, side of the position, bulk command, the side that it names."""


def tick(ledger: Ledger, price: float, status: str, flags: list[str]) -> None:
    """Take what the feed says; only a tradable tick of at least one dollar changes anything (R2, R27, R30)."""
    if ledger.switches["pause_price_feed"]:
        return
    if status not in (HEALTHY, DEGRADED):
        ledger.feed = status
        return
    whole = rounded(price)
    if whole < 1:
        return
    ledger.feed = DEGRADED if "STEP_LIMITED" in flags else status
    ledger.price = whole
    ledger.emit("CurrentPriceUpdate", "insert_CurrentPrice", [float(whole), ledger.now])
    _liquidations(ledger)
    _closes(ledger)
    _fills(ledger)


def fired(
    orders: list[Trader], price_of: Callable[[Trader], float], stamp_of: Callable[[Trader], int], *, up: bool, at: int
) -> list[Trader]:
    """Return the members of one set that fire: at scores up to the price's, or from it on; ascending, ties by age."""
    met = [o for o in orders if (score(price_of(o)) <= score(at) if up else score(price_of(o)) >= score(at))]
    return sorted(met, key=lambda order: (score(price_of(order)), stamp_of(order)))


def _bulk(ledger: Ledger, command: str, side: str) -> None:
    ledger.sorted_set(command, command, float(ledger.price or 0), side)


def _liquidations(ledger: Ledger) -> None:
    groups = []
    for side in (SHORT, LONG):
        members = [order for order in ledger.filled(side) if order.liquidation_price > 0.0]
        group = fired(members, lambda o: o.liquidation_price, lambda o: o.stamp, up=side == SHORT, at=ledger.price or 0)
        if group:
            _bulk(ledger, "BulkSearchRemoveLiquidationPrice", side)
        groups.append(group)
    for order in [order for group in groups for order in group]:
        closing.liquidate(ledger, order)


def _closes(ledger: Ledger) -> None:
    groups = []
    for leg, side, command, named_side in CLOSE_SETS:
        group = _fired_closes(ledger, leg, side)
        if group:
            _bulk(ledger, command, named_side)
        groups.append((leg, group))
    for leg, group in groups:
        for order in group:
            if order.uuid in ledger.traders:
                closing.settle_by_trigger(ledger, order, leg)


def _fired_closes(ledger: Ledger, leg: str, side: str) -> list[Trader]:
    members = [order for order in ledger.filled(side) if leg in order.triggers]
    up = (leg != "sl") == (side == LONG)
    return fired(members, lambda o: o.triggers[leg].price, lambda o: o.triggers[leg].stamp, up=up, at=ledger.price or 0)


def _fills(ledger: Ledger) -> None:
    status, _ = gate.market_status(ledger)
    if status != HEALTHY or ledger.feed != HEALTHY or ledger.insolvent():
        return
    groups = {side: _fired_opens(ledger, side) for side in (SHORT, LONG)}
    fitting = _with_room(ledger, groups) if ledger.rules.rechecked_fills else groups
    for side, group in groups.items():
        if group and len(fitting[side]) == len(group):
            _bulk(ledger, "BulkSearchRemoveOpenLimitPrice", side)
    for side, group in groups.items():
        for order in fitting[side]:
            if len(fitting[side]) != len(group):
                agg_id = f"RemoveOpenLimitPrice-{order.uuid}"
                ledger.sorted_set(agg_id, "RemoveOpenLimitPrice", order.uuid, side)
            opening.fill(ledger, order)


def _fired_opens(ledger: Ledger, side: str) -> list[Trader]:
    group = fired(
        ledger.resting(side), lambda o: o.entryprice, lambda o: o.stamp, up=side == SHORT, at=ledger.price or 0
    )
    if ledger.rules.best_price_first and side == LONG:
        group.sort(key=lambda order: (-score(order.entryprice), order.stamp))
    return group


def _with_room(ledger: Ledger, groups: dict[str, list[Trader]]) -> dict[str, list[Trader]]:
    """Return those that find room, each counting those before it as filled (R20)."""
    exposure = dict(ledger.exposure)
    fitting: dict[str, list[Trader]] = {LONG: [], SHORT: []}
    for side, group in groups.items():
        for order in group:
            if gate.limit_refusal(ledger, side, order.value, exposure[LONG], exposure[SHORT]) is None:
                exposure[side] += order.value
                fitting[side].append(order)
    return fitting
