"""A demo trader's own book: what it asked for and what it knows to have become of it. Kept in one file."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import msgspec

from twilight.local.traders.errors import BookError
from twilight.sdk.keyring import write_private
from twilight.sdk.results import TxHash

HISTORY_MAX: Final = 100


class Stage(StrEnum):
    """How far an order has come."""

    ASKED = "asked"
    PENDING = "pending"
    OPEN = "open"
    DONE = "done"


FILLED: Final = "FILLED"
RESTING: Final = "PENDING"
ENDS: Final = frozenset({"SETTLED", "LIQUIDATE"})
DROPS_RESTING: Final = frozenset({"CANCELLED", "RejectedFromChain", "UtxoError", "SerializationError"})


class Order(msgspec.Struct, kw_only=True):
    """One order on one account (accounts are used once); times are unix seconds.

    ``request_id`` is that of the last request about it, ``seen_id`` the number of the last answer read.
    """

    account: int
    what: str
    asked_s: float
    request_id: str = ""
    stage: Stage = Stage.ASKED
    status: str = ""
    order_id: str = ""
    memo_hex: str = ""
    since_s: float = 0.0
    touched_s: float = 0.0
    has_triggers: bool = False
    has_close_limit: bool = False
    seen_id: int = -1

    @property
    def is_live(self) -> bool:
        """Tell whether something may still become of it."""
        return self.stage is not Stage.DONE

    def learn(self, answers: Sequence[TxHash], now_s: float) -> list[TxHash]:
        """Take in the account's answers, oldest first, and return those that are new."""
        fresh = [answer for answer in answers if answer.id > self.seen_id]
        for answer in fresh:
            self._learn(answer, now_s)
        return fresh

    def end(self, status: str, now_s: float) -> None:
        """Note that nothing more will become of it."""
        self.stage, self.status, self.since_s = Stage.DONE, status, now_s

    def _learn(self, answer: TxHash, now_s: float) -> None:
        self.seen_id, self.status = answer.id, answer.order_status
        stage = next_stage(self.stage, answer.order_status)
        if stage is not self.stage:
            self.stage, self.since_s = stage, now_s
        if answer.order_status in {FILLED, RESTING}:
            self.order_id = answer.order_id
            self.memo_hex = answer.output or self.memo_hex


def next_stage(stage: Stage, status: str) -> Stage:
    """Return the stage after an answer.

    A refusal ends an order that was only asked for; about an order that rests or
    is open it answers some later request, and changes nothing.
    """
    if stage is Stage.DONE or status in ENDS:
        return Stage.DONE
    if status == FILLED:
        return Stage.OPEN
    if status == RESTING:
        return Stage.PENDING
    if stage is Stage.ASKED or (stage is Stage.PENDING and status in DROPS_RESTING):
        return Stage.DONE
    return stage


class _File(msgspec.Struct):
    orders: list[Order] = []
    done: int = 0


class Book:
    """The orders of one trader; the newest finished ones are kept for a while."""

    def __init__(self, path: Path, orders: Iterable[Order] = (), done: int = 0) -> None:
        """Use `open` to read the file."""
        self._path = path
        self._orders = list(orders)
        self._written = b""
        self.done = done

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the book of a file, empty when there is none.

        Raises:
            BookError: the file is no book.
        """
        if not path.exists():
            return cls(path)
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_File)
        except msgspec.DecodeError as error:
            raise BookError(f"{path} is no trader's book: {error}; move it away to start anew") from error
        return cls(path, found.orders, found.done)

    @property
    def live(self) -> list[Order]:
        """Return the orders of which something may still become."""
        return [order for order in self._orders if order.is_live]

    def add(self, order: Order) -> None:
        """Take in a new order."""
        self._orders.append(order)

    def save(self) -> None:
        """Write the book down if it changed, readable by its owner alone."""
        ended = [order for order in self._orders if not order.is_live]
        forgotten = ended[: max(0, len(ended) - HISTORY_MAX)]
        self._orders = [order for order in self._orders if order not in forgotten]
        self.done += len(forgotten)
        content = msgspec.json.encode(_File(self._orders, self.done))
        if content != self._written:
            write_private(self._path, content)
            self._written = content
