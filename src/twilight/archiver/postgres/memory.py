"""What the projections must remember of earlier events: open orders, active triggers, the book, the newest candles.

All of it is a function of the log, and all of it can be read back from the tables, so a restart goes on as if nothing
had happened.
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from twilight.domain.candles import LENGTHS_S, CandleFold

ORDERS_REMEMBERED = 200_000
"""Orders whose trades are remembered; more than a batch has records, so that one being stored is never forgotten."""
FAMILIES = CLOSE_LIMIT, STOP_LOSS, TAKE_PROFIT = ("CLOSE_LIMIT", "STOP_LOSS", "TAKE_PROFIT")
TERMINAL = frozenset({"SETTLED", "CANCELLED", "LIQUIDATE"})


class OpenOrder(NamedTuple):
    """What the book needs of an order that has not ended."""

    position_type: str
    order_status: str
    entryprice: float
    positionsize: float


class Trigger(NamedTuple):
    """An active trigger."""

    price: float
    position_type: str


class BookEntry(NamedTuple):
    """What an order contributes to the book."""

    kind: str
    side: str
    price_cents: int
    size: float


@dataclass(slots=True)
class PoolTotals:
    """The pool as the newest `PoolUpdate` leaves it; seed-era ones are counted on from here (decisions S5)."""

    total_pool_share: float
    total_locked_value: float
    nonce: int
    aggregate_log_sequence: int
    pending_amount: float = 0.0
    pending_count: int = 0


class KnownTrades:
    """Which trades exist already, so that a fill or a close repeated by a later record is no second trade.

    Orders that it has not met must be asked for in the tables first (`unknown`, `learn`). Nothing is forgotten but by
    `forget_oldest`, between batches: an order whose trades are on their way into the tables is among the newest.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, frozenset[str]] = {}

    def unknown(self, uuids: set[str]) -> set[str]:
        """Return the orders of which nothing is known here."""
        return uuids - self._kinds.keys()

    def learn(self, uuid: str, kinds: frozenset[str]) -> None:
        """Remember what the tables hold of an order."""
        self._kinds[uuid] = kinds

    def forget_oldest(self, limit: int) -> None:
        """Keep the orders that were met last, so many: the tables can be asked for the others again."""
        for uuid in list(islice(self._kinds, max(0, len(self._kinds) - limit))):
            del self._kinds[uuid]

    def add(self, uuid: str, kind: str) -> bool:
        """Return whether this is the order's first trade of the kind, and remember it."""
        kinds = self._kinds.pop(uuid, frozenset())
        self.learn(uuid, kinds | {kind})
        return kind not in kinds

    def has_ended(self, uuid: str) -> bool:
        """Return whether the order was closed or liquidated."""
        return bool(self._kinds.get(uuid, frozenset()) - {"OPEN"})


def _new_candles() -> list[CandleFold]:
    return [CandleFold(length_s) for length_s in LENGTHS_S]


def _no_triggers() -> dict[str, dict[str, Trigger]]:
    return {family: {} for family in FAMILIES}


@dataclass(slots=True)
class Memory:
    """Everything remembered between batches."""

    orders: dict[str, OpenOrder] = field(default_factory=dict)
    triggers: dict[str, dict[str, Trigger]] = field(default_factory=_no_triggers)
    book: dict[str, BookEntry] = field(default_factory=dict)
    trades: KnownTrades = field(default_factory=KnownTrades)
    candles: list[CandleFold] = field(default_factory=_new_candles)
    pool: PoolTotals | None = None
    newest_price: float | None = None
