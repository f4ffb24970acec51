"""Which triggers a log of sorted-set commands leaves active (storage specification 6.5, decisions S6).

Additions and removals of one order are gathered; a bulk removal, which names only a price and a side, is applied to
the table, so everything gathered before it is written first.
"""

from dataclasses import dataclass, field

from twilight.wire.commands import SetBulkRemove, SetPrice, SetRemove, SortedSetCommand

SCORE = 10_000  # triggers are compared as prices times 10,000, truncated

CLOSE_LIMIT, STOP_LOSS, TAKE_PROFIT = FAMILIES = ("CLOSE_LIMIT", "STOP_LOSS", "TAKE_PROFIT")
_FAMILY = {
    "CloseLimitPrice": CLOSE_LIMIT,
    "StopLossCloseLIMITPrice": STOP_LOSS,
    "TakeProfitCloseLIMITPrice": TAKE_PROFIT,
}
_PER_ORDER = {action + name: family for action in ("Add", "Update", "Remove") for name, family in _FAMILY.items()}


@dataclass(frozen=True, slots=True)
class TriggerState:
    """A trigger after a command; without a price it is not active."""

    order_uuid: str
    family: str
    price: float | None
    position_type: str
    ts: str
    offset: int


@dataclass(frozen=True, slots=True)
class BulkRemoval:
    """Every active trigger of a family and position side that the price has reached goes; `at_or_above` in price."""

    family: str
    position_type: str
    score: int
    at_or_above: bool
    offset: int


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """An ended order has no triggers, whatever its log says."""

    order_uuid: str
    offset: int


TriggerChange = TriggerState | BulkRemoval | OrderEnded

# Variant and side named -> families, side of the positions concerned, and whether prices at or above p go.
_BULK: dict[tuple[str, str], list[tuple[str, str, bool]]] = {
    ("BulkSearchRemoveCloseLimitPrice", "LONG"): [(CLOSE_LIMIT, "LONG", False)],
    ("BulkSearchRemoveCloseLimitPrice", "SHORT"): [(CLOSE_LIMIT, "SHORT", True)],
    ("BulkSearchRemoveSLTPCloseLIMITPrice", "SHORT"): [(STOP_LOSS, "LONG", True), (TAKE_PROFIT, "SHORT", True)],
    ("BulkSearchRemoveSLTPCloseLIMITPrice", "LONG"): [(STOP_LOSS, "SHORT", False), (TAKE_PROFIT, "LONG", False)],
}


def trigger_changes(command: SortedSetCommand, ts: str, offset: int) -> list[TriggerChange]:
    """Return what a sorted-set command does to the triggers that clients see; liquidation and open sets are none."""
    variant, change = command.variant()
    family = _PER_ORDER.get(variant)
    match change:
        case SetPrice() if family is not None:
            price = change.price if change.price == change.price else None
            return [TriggerState(change.uuid, family, price, change.position_type, ts, offset)]
        case SetRemove() if family is not None:
            return [TriggerState(change.uuid, family, None, change.position_type, ts, offset)]
        case SetBulkRemove():
            score = int(change.price * SCORE)
            found = _BULK.get((variant, change.position_type), [])
            return [BulkRemoval(fam, side, score, above, offset) for fam, side, above in found]
        case _:
            return []


@dataclass(slots=True)
class TriggerBatch:
    """The changes of a batch, in order: runs of states between bulk removals."""

    runs: list[dict[tuple[str, str], TriggerState]] = field(default_factory=lambda: [{}])
    breaks: list[BulkRemoval | OrderEnded] = field(default_factory=list)

    def add(self, change: TriggerChange) -> None:
        """Take the next change."""
        if isinstance(change, TriggerState):
            self.runs[-1][change.order_uuid, change.family] = change
        else:
            self.breaks.append(change)
            self.runs.append({})
