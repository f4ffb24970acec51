"""What has been asked of a chain and not yet been answered (decisions C11).

An intent freezes what a decision needs to be finished with the chain's answer: the order as it was sent, the price,
who asked. Until then the order, its account and its exposure are reserved, commands on it get `IN_FLIGHT`, and
ticks and funding pass it by. Transactions of the pool are strictly serial, so a command that needs one while
another is out waits, whole, and is decided anew when its turn comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from twilight.domain.model.chain import POOL_OPERATIONS, ChainRequest, Operation
from twilight.domain.model.commands import (
    ClientCommand,
    CreateLendOrder,
    CreateTraderOrder,
    CreateTraderOrderSlTp,
    ExecuteLendOrder,
    ExecuteTraderOrder,
    ExecuteTraderOrderSlTp,
    Meta,
)
from twilight.domain.model.orders import LendOrder, TraderOrder
from twilight.domain.model.pool import StateOutput

Metadata = dict[str, str]


@dataclass(slots=True)
class Caused:
    """The command behind an intent, under the name of its kind; all None for what the engine does on its own."""

    create: CreateTraderOrder | None = None
    create_sltp: CreateTraderOrderSlTp | None = None
    execute: ExecuteTraderOrder | None = None
    execute_sltp: ExecuteTraderOrderSlTp | None = None
    lend: CreateLendOrder | None = None
    withdraw: ExecuteLendOrder | None = None

    @property
    def command(self) -> ClientCommand | None:
        """Return the command, whichever it is."""
        found: ClientCommand | None = None
        for one in fields(self):
            found = found or getattr(self, one.name)
        return found


_NAMES: dict[type, str] = {
    CreateTraderOrder: "create",
    CreateTraderOrderSlTp: "create_sltp",
    ExecuteTraderOrder: "execute",
    ExecuteTraderOrderSlTp: "execute_sltp",
    CreateLendOrder: "lend",
    ExecuteLendOrder: "withdraw",
}


def caused_by(command: ClientCommand | None) -> Caused:
    """Return the holder of a command that goes to the chain; cancels never do."""
    return Caused() if command is None else Caused(**{_NAMES[type(command)]: command})  # type: ignore[arg-type]  # the names' own types


@dataclass(slots=True)
class Intent:
    """One unanswered transaction, or with ``operation`` None a command that waits for the pool's turn.

    `fired` holds the scores of the triggers that a tick has taken out of their sets, `charged` the order as the
    funding pass left it; `in_slices` tells that the record of this charge is one of an open hour's.
    """

    id: str
    operation: Operation | None
    uuid: str
    account_id: str
    caused: Caused
    metadata: Metadata | None
    price: float = 0.0
    order: TraderOrder | None = None
    deposit: LendOrder | None = None
    payload: str | None = None
    amount_sats: int = 0
    last_state: StateOutput | None = None
    next_state: StateOutput | None = None
    fee_pct: float = 0.0
    trigger: str = ""
    fired: dict[str, int] = field(default_factory=dict)
    meta: Meta | None = None
    charged: TraderOrder | None = None
    in_slices: bool = False
    funding_hour: int | None = None
    """The last hour that was funded when it was begun."""

    @property
    def holds_the_pool(self) -> bool:
        """Whether no other transaction of the pool may go out before this one is answered."""
        return self.operation in POOL_OPERATIONS

    def request(self) -> ChainRequest:
        """Return the transaction to send, or to ask the chain about after a crash."""
        order = self.order if self.order is not None else self.deposit
        if self.operation is None or order is None:
            raise ValueError(f"intent {self.id} waits, it has no transaction yet")
        return ChainRequest(self.operation, order, self.payload, self.last_state, self.next_state, self.amount_sats)


@dataclass(slots=True)
class Answered:
    """The numbers of the intents that are done: all up to `up_to`, and those of `beyond`.

    An intent that is read again after its answer opens nothing, however long ago it was answered; and what is kept of
    it is bounded by what is answered while an older one is still open.
    """

    up_to: int = 0
    beyond: set[int] = field(default_factory=set)

    def __contains__(self, number: int) -> bool:
        return number <= self.up_to or number in self.beyond

    def add(self, number: int) -> None:
        """Note that an intent is done."""
        if number > self.up_to:
            self.beyond.add(number)
        while self.up_to + 1 in self.beyond:
            self.up_to += 1
            self.beyond.remove(self.up_to)

    def copy(self) -> Answered:
        """Return an independent one."""
        return Answered(self.up_to, self.beyond.copy())


def uuid_of(intent_id: str) -> str:
    """Return the order that an intent's id names."""
    return intent_id.split(":")[1]


def number_of(intent_id: str) -> int:
    """Return an intent's own number: they count from 1 and leave nothing out."""
    return int(intent_id.rsplit(":", 1)[1])
