"""Everything the exchange remembers (engine 1), and its canonical hash.

`evolve` alone changes a `State`. All of it follows from the event log, so two machines that read the same log
have the same `state_hash`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from twilight.domain.books.ledger import Ledger
from twilight.domain.books.triggers import Triggers
from twilight.domain.books.turns import Turns
from twilight.domain.model.commands import Meta, SlTp
from twilight.domain.model.errors import Corrupt
from twilight.domain.model.inflight import Answered, Intent
from twilight.domain.model.orders import FILLED, LONG, MARKET, LendOrder, Side, TraderOrder
from twilight.domain.model.pool import Fees, LendPool, PoolBatchOrder, RiskParams


@dataclass(slots=True)
class Legs:
    """Stop loss and take profit that wait for their resting order's fill (R8)."""

    sltp: SlTp
    settle_message: str
    meta: Meta
    request_id: str


@dataclass(slots=True)
class Position:
    """A live trader order and what the engine remembers beside its record.

    `payload` is the create transaction while PENDING, the settle message once a trigger was set, else empty: nobody
    asks for it then, and a million of them are 3 GB. `margin_fee_pct` and `margin_rate_pct` are those of the last
    maintenance margin (R12). The three request ids are those that last set each trigger (R26).
    """

    order: TraderOrder
    payload: str
    request_id: str
    margin_fee_pct: float
    margin_rate_pct: float = 0.0
    memo: str | None = None
    funded: bool = False
    version: int = 0
    """The version of its side's ledger that this was read at."""
    legs: Legs | None = None
    close_limit_request_id: str = ""
    stop_loss_request_id: str = ""
    take_profit_request_id: str = ""


@dataclass(slots=True)
class Deposit:
    """A live lend order, and when it was made (for the holding time of R19)."""

    order: LendOrder
    made_at_ns: int


@dataclass(slots=True)
class Retry:
    """A refused liquidation or trigger: how often it was tried, and when it may be tried again (R9)."""

    attempts: int
    not_before_ns: int
    holds_liquidation: bool
    """Whether the liquidation was refused: a trigger that was holds back the order's triggers alone."""


@dataclass(slots=True)
class Exposure:
    """Exact sums over live orders: entry value and size of FILLED by side, entry value of PENDING by side."""

    long_sats: int = 0
    short_sats: int = 0
    pending_long_sats: int = 0
    pending_short_sats: int = 0
    long_size: int = 0
    short_size: int = 0
    accrued_sats: int = 0
    """Sum of R(A - M) over FILLED orders: fees and funding that the pool has not booked yet (R19)."""


@dataclass(slots=True)
class Switches:
    """What the operator has set."""

    manual_halt: bool = False
    manual_close_only: bool = False
    pause_funding: bool = False
    pause_price_feed: bool = False


@dataclass(frozen=True, slots=True)
class OpenHour:
    """An hour that everybody was charged while records of it are still to come (docs/decisions/funding-publication.md).

    The ledgers know whose records are awaited; what stands in them is the state itself, since a position that is to
    change gets its record first.
    """

    number: int
    """Whole hours since 1970."""
    time: str
    meta: Meta

    @property
    def metadata(self) -> dict[str, str]:
        """Return what the keys of the hour's records carry."""
        return {"funding_hour": str(self.number)}


@dataclass(slots=True)
class State:
    """The exchange."""

    price: float = 0.0
    """The last accepted tick in whole dollars; 0 before the first one."""
    awaits_tick: bool = True
    """Nothing may trade before the next accepted tick: a pause has just ended (R22, R31)."""
    pool: LendPool = field(default_factory=lambda: LendPool(0, 0, 0, 0, PoolBatchOrder(), 0, 0, None))
    exposure: Exposure = field(default_factory=Exposure)
    switches: Switches = field(default_factory=Switches)
    params: RiskParams = field(default_factory=RiskParams)
    fees: Fees = field(default_factory=Fees)
    positions: dict[str, Position] = field(default_factory=dict)
    """Live trader orders by uuid, in ascending `entry_sequence`."""
    trader_accounts: dict[str, str] = field(default_factory=dict)
    trader_sequence: int = 0
    trader_log_sequence: int = 0
    deposits: dict[str, Deposit] = field(default_factory=dict)
    lender_accounts: dict[str, str] = field(default_factory=dict)
    lend_sequence: int = 0
    lend_log_sequence: int = 0
    triggers: Triggers = field(default_factory=Triggers)
    funding_rate_pct: float = 0.0
    funding_price: float = 0.0
    """The price at which the last hour was funded."""
    funding_hour: int | None = None
    """The last hour that was funded, whole hours since 1970."""
    funding_index: int = 0
    """Cumulative funding per unit of position size, scale 2^96 (R12)."""
    open_hour: OpenHour | None = None
    """The last hour, until all of its records are in the log."""
    request_ids: OrderedDict[str, None] = field(default_factory=OrderedDict)
    """The last request ids, oldest first (C7); a plain dictionary searches long for its oldest once many are gone."""
    queues: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Queue name to (topic id, offset of the last command that caused an event of the log) (C5)."""
    ticks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Feeder key id to the (epoch, seq) of its last accepted tick (C10)."""
    retries: dict[str, Retry] = field(default_factory=dict)
    shortfall_sats: int = 0
    """What winners were owed beyond the pool, in total (R6)."""
    intents: dict[str, Intent] = field(default_factory=dict)
    """What the chain is being asked, by the uuid of its order (C11)."""
    waiting: dict[str, Intent] = field(default_factory=dict)
    """Commands that wait for the pool's turn, oldest first, by the id under which they wait."""
    intent_sequence: int = 0
    answered: Answered = field(default_factory=Answered)
    charged_fees_pct: tuple[float, float] = (0.0, 0.0)
    """The market and limit fee of the last hour that was charged at once."""
    charged_rate_pct: float = 0.0
    _turns: Turns | None = field(default=None, init=False, repr=False, compare=False)
    """In which order the records of the open hour come, once one has asked."""

    def __post_init__(self) -> None:
        """Enter the positions of a loaded state into the ledgers."""
        for held in self.positions.values():
            if held.order.status is FILLED:
                book = self.ledger(held.order.side)
                book.add(held.order, funded=held.funded)
                held.version = book.version

    def ledger(self, side: Side) -> Ledger:
        """Return the open positions of a side."""
        return self.triggers.liquidate_long if side is LONG else self.triggers.liquidate_short

    @property
    def books(self) -> tuple[Ledger, Ledger]:
        """The open positions of both sides."""
        return self.triggers.liquidate_long, self.triggers.liquidate_short

    def awaits_record(self, uuid: str) -> bool:
        """Return whether a position's record of the open hour is still to come."""
        return any(book.awaits_record(uuid) for book in self.books)

    def awaits_records(self) -> bool:
        """Return whether any record of the open hour is still to come."""
        return any(book.awaited().any() for book in self.books)

    def awaited(self) -> list[str]:
        """Return all whose records of the open hour are still to come, by entry sequence (R25)."""
        return Turns(self.books).next(len(self.positions))

    def next_awaited(self, count_max: int) -> list[str]:
        """Return those of them who come next, at most so many, in a time that depends on their number alone."""
        if self._turns is None:
            self._turns = Turns(self.books)
        return self._turns.next(count_max)

    def close_hour(self) -> None:
        """Let no hour be open."""
        self.open_hour = self._turns = None

    def asked(self) -> Iterator[Intent]:
        """Yield all that the chain has not answered: what it is being asked, and what waits for the pool's turn."""
        yield from self.intents.values()
        yield from self.waiting.values()

    def read_positions(self) -> dict[str, tuple[str, int]]:
        """Return how far each queue was read, the commands counted whose answers the chain still owes (C5, C11)."""
        positions = dict(self.queues)
        for intent in self.asked():
            metadata = intent.metadata or {}
            if "queue" in metadata:
                advance(positions, metadata["queue"], metadata["topic_id"], int(metadata["offset"]))
        return positions

    def position(self, uuid: str) -> Position | None:
        """Return a live order, brought up to date with the funding of its side."""
        held = self.positions.get(uuid)
        if held is not None and held.order.status is FILLED:
            book = self.ledger(held.order.side)
            if held.version != book.version:
                self._refresh(held, book)
        return held

    def known(self, uuid: str) -> Position:
        """Return a live order that must be there; raises `Corrupt`."""
        held = self.positions.get(uuid)
        if held is None:
            raise Corrupt(f"order {uuid} changed without being in the book")
        return held

    def sync(self) -> None:
        """Bring every position up to date, before somebody reads them all."""
        for uuid in self.positions:
            self.position(uuid)

    def _refresh(self, held: Position, book: Ledger) -> None:
        held.order = book.refresh(held.order)
        held.version = book.version
        held.funded = True
        market = held.order.order_type is MARKET
        held.margin_fee_pct = self.charged_fees_pct[0 if market else 1]
        held.margin_rate_pct = self.charged_rate_pct

    def copy(self) -> State:
        """Return an independent state; records are shared, since nothing changes one after it was made."""
        self.sync()
        own: dict[str, object] = {
            "exposure": replace(self.exposure),
            "switches": replace(self.switches),
            "positions": {uuid: replace(held) for uuid, held in self.positions.items()},
            "triggers": self.triggers.copy(),
        }
        for name in _PLAIN_DICTS:
            own[name] = getattr(self, name).copy()
        return replace(self, **own)  # type: ignore[arg-type]  # the names are the fields' own


def advance(positions: dict[str, tuple[str, int]], queue: str, topic_id: str, offset: int) -> None:
    """Move a queue's position; the chain's answer to an earlier command does not move it back."""
    known = positions.get(queue)
    if known is None or known[0] != topic_id or known[1] < offset:
        positions[queue] = (topic_id, offset)


_PLAIN_DICTS = (
    "trader_accounts",
    "deposits",
    "lender_accounts",
    "request_ids",
    "queues",
    "ticks",
    "retries",
    "intents",
    "waiting",
    "answered",
)
