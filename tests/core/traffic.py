"""Commands as clients send them, and what a log must hold for them."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from twilight.bus import LogReader, Record
from twilight.domain.model.orders import NIL_UUID


def create(account: str, request_id: str, **changes: object) -> bytes:
    order = {
        "account_id": account,
        "position_type": "LONG",
        "order_type": "MARKET",
        "leverage": 10.0,
        "initial_margin": 1_000.0,
        "available_margin": 1_000.0,
        "order_status": "PENDING",
        "entryprice": 0.0,
        "execution_price": 0.0,
    } | changes
    return _command("CreateTraderOrder", order, request_id)


def execute(account: str, uuid: str, request_id: str, **changes: object) -> bytes:
    order = {
        "account_id": account,
        "uuid": uuid,
        "order_type": "MARKET",
        "settle_margin": 0.0,
        "order_status": "FILLED",
        "execution_price": 0.0,
    } | changes
    return _command("ExecuteTraderOrder", order, request_id)


def cancel(account: str, uuid: str, request_id: str) -> bytes:
    order = {"account_id": account, "uuid": uuid, "order_type": "LIMIT", "order_status": "PENDING"}
    return _command("CancelTraderOrder", order, request_id)


def deposit(account: str, request_id: str, amount: float = 1_000_000.0) -> bytes:
    order = {
        "account_id": account,
        "balance": amount,
        "order_type": "LEND",
        "order_status": "PENDING",
        "deposit": amount,
    }
    return _command("CreateLendOrder", order, request_id)


def _command(kind: str, order: dict[str, object], request_id: str) -> bytes:
    return json.dumps({kind: [order, {"metadata": {}}, "00", request_id]}, separators=(",", ":")).encode()


@dataclass
class Traffic:
    """An endless mix of opens, closes, limits, cancels, deposits, repeats and bytes that are no command."""

    seed: int = 1
    numbers: Iterator[int] = field(default_factory=count)
    sent: list[bytes] = field(default_factory=list)
    live: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def request_id(self) -> str:
        return f"REQID{next(self.numbers):064X}"

    def next(self) -> bytes:
        """Return the next record's value."""
        made = self._random.choices(
            (
                self._open,
                self._limit,
                self._close,
                self._close_limit,
                self._cancel,
                self._deposit,
                self._repeat,
                self._junk,
            ),
            (40, 15, 15, 8, 5, 7, 5, 5),
        )[0]()
        self.sent.append(made)
        return made

    def learn(self, record: Record) -> None:
        """Take note of the orders that the log speaks of, to close and cancel them later."""
        event = json.loads(record.value or b"{}")
        if "TraderOrder" in event and event["TraderOrder"][0]["order_status"] in {"FILLED", "PENDING"}:
            self.live.append((event["TraderOrder"][0]["account_id"], event["TraderOrder"][0]["uuid"]))

    def _account(self) -> str:
        return f"account-{self._random.getrandbits(64):016x}"

    def _open(self) -> bytes:
        side = self._random.choice(("LONG", "SHORT"))
        return create(self._account(), self.request_id(), position_type=side)

    def _limit(self) -> bytes:
        price = float(self._random.randint(64_000, 64_900))
        return create(self._account(), self.request_id(), order_type="LIMIT", entryprice=price)

    def _order(self) -> tuple[str, str]:
        if not self.live:
            return self._account(), NIL_UUID
        return self.live.pop(self._random.randrange(len(self.live)))

    def _close(self) -> bytes:
        return execute(*self._order(), self.request_id())

    def _close_limit(self) -> bytes:
        return execute(*self._order(), self.request_id(), order_type="LIMIT", execution_price=70_000.0)

    def _cancel(self) -> bytes:
        return cancel(*self._order(), self.request_id())

    def _deposit(self) -> bytes:
        return deposit(self._account(), self.request_id())

    def _repeat(self) -> bytes:
        return self._random.choice(self.sent) if self.sent else self._junk()

    def _junk(self) -> bytes:
        return self._random.choice((b"hello", b"{}", b'{"Foo":[]}', b"\xff\xfe", b"null"))


def whole_log(brokers: str, topic: str) -> list[Record]:
    """Return every committed record of the topic."""
    records: list[Record] = []
    with LogReader(brokers, topic, start=0) as reader:
        end = reader.end_offset()
        while max(0, reader.position()) < end:  # before the first read there is no position
            records += reader.read(5_000, 0.05)
    return records


def answers(log: Iterable[Record]) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return key metadata and data of every answer to a request, without those that only tell of dropped triggers."""
    found = []
    for record in log:
        key, value = json.loads(record.key or b"{}"), json.loads(record.value or b"{}")
        if "TxHash" in value and not value["TxHash"]["order_status"].startswith("Cancelled"):
            found.append((key["metadata"] or {}, value["TxHash"]))
    return found


def answers_due(sent: Iterable[Record]) -> dict[int, int]:
    """Return how many answers each offset of the queue is owed: one, but none for a repeated request id (C7)."""
    seen: set[bytes] = set()
    due: dict[int, int] = {}
    for record in sent:
        value = record.value or b""
        due[record.offset] = 0 if value in seen and b"REQID" in value else 1
        seen.add(value)
    return due


def assert_each_command_was_answered_once(sent: list[Record], log: list[Record], queue: str) -> None:
    """Every record of the queue has one answer that names its offset; a repeated request id has none of its own."""
    by_offset = Counter(int(meta["offset"]) for meta, _ in answers(log) if meta.get("queue") == queue)
    expected = answers_due(sent)
    wrong = {offset: (by_offset[offset], wanted) for offset, wanted in expected.items() if by_offset[offset] != wanted}
    assert not wrong, f"offset: (answers found, expected): {dict(list(wrong.items())[:10])}"
    assert set(by_offset) <= set(expected)
