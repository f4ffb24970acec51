"""A chain that is none: it takes what is well-formed, late, and as unreliably as it is told to (engine 10).

What it has taken stands in a file of its own, so it outlives every core, and the cores of one exchange share it. It
keeps the two laws that matter: a coin is spent once, and the pool's states follow one another.
"""

import fcntl
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from twilight.core.chain.port import Heard, NeverSeen
from twilight.core.clock import Clock
from twilight.domain.model.chain import POOL_OPERATIONS, Accepted, Answer, Disabled, Operation, Refusal, Refused
from twilight.domain.model.inflight import Intent

COINS = {
    Operation.OPEN: "margin",
    Operation.FILL: "margin",
    Operation.SETTLE: "position",
    Operation.LIQUIDATE: "position",
    Operation.DEPOSIT: "deposit",
    Operation.WITHDRAW: "shares",
}
"""What of an order a transaction spends."""


@dataclass(frozen=True, slots=True)
class Odds:
    """How late it answers, and how often, from 0 to 1, something goes wrong."""

    latency_ms: int = 100
    refused: float = 0.0
    not_ready: float = 0.0
    lost_requests: float = 0.0
    lost_answers: float = 0.0


class Line(msgspec.Struct, omit_defaults=True):
    """One line of the chain's memory; every message that reached it is there."""

    intent: str
    what: Literal["came", "accepted", "refused"]
    coin: str = ""
    tx_hash: str = ""
    output: str | None = None
    nonce: int | None = None
    kind: str = ""
    text: str = ""

    def answer(self) -> Answer:
        """Return what the chain said."""
        if self.what == "accepted":
            return Accepted(self.tx_hash, self.output)
        return Refused(Refusal(self.kind), self.text)


Writes = Callable[[Line], None]


class FakeLedger:
    """The chain's memory."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._read_to = 0
        self.outcomes: dict[str, Line] = {}
        self.spent: set[str] = set()
        self.nonce: int | None = None

    @contextmanager
    def locked(self) -> Iterator[Writes]:
        """Hold the memory alone, knowing what everybody has written, and give what adds a line to it."""
        with self._path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(self._read_to)
            for line in file.read().splitlines(keepends=True):
                self._read_to += len(line)
                self._remember(msgspec.json.decode(line, type=Line))
            yield lambda line: self._write(file, line)

    def _write(self, file: BinaryIO, line: Line) -> None:
        text = msgspec.json.encode(line) + b"\n"
        file.write(text)
        self._read_to += len(text)
        self._remember(line)

    def _remember(self, line: Line) -> None:
        if line.what != "came":
            self.outcomes[line.intent] = line
        if line.what == "accepted":
            self.spent.add(line.coin)
            self.nonce = self.nonce if line.nonce is None else line.nonce


class FakeChain:
    """Decides when a message comes, and answers after the latency."""

    def __init__(self, ledger: FakeLedger, odds: Odds, accepts: Disabled, clock: Clock) -> None:
        self._ledger = ledger
        self._odds = odds
        self._accepts = accepts
        self._clock = clock
        self._said: list[tuple[int, int, Heard]] = []
        self._messages = 0

    def send(self, intent: Intent) -> None:
        """Take a transaction, unless the message is lost."""
        if self._happens("request lost", intent, self._odds.lost_requests):
            return
        with self._ledger.locked() as write:
            write(Line(intent.id, "came"))
            known = self._ledger.outcomes.get(intent.id)
            self._say(intent, known.answer() if known else self._taken(intent, write))

    def ask(self, intent: Intent) -> None:
        """Say what became of a transaction."""
        with self._ledger.locked():
            known = self._ledger.outcomes.get(intent.id)
        self._say(intent, known.answer() if known else NeverSeen())

    def heard(self) -> list[Heard]:
        """Return the answers whose time has come."""
        now_ms, heard = self._clock.mono_ms(), []
        while self._said and self._said[0][0] <= now_ms:
            heard.append(heapq.heappop(self._said)[2])
        return heard

    def close(self) -> None:
        """Return: the memory is in the file."""

    def _taken(self, intent: Intent, write: Writes) -> Answer:
        not_ready = self._not_ready(intent)
        if not_ready is not None:
            return Refused(Refusal.STATE_NOT_READY, not_ready)
        request = intent.request()
        coin = f"{COINS[request.operation]} of {intent.uuid}"
        if coin in self._ledger.spent:
            answer: object = Refused(Refusal.REJECTED, f"the {coin} is spent")
        elif self._happens("refused", intent, self._odds.refused):
            answer = Refused(Refusal.REJECTED, "refused by chance")
        else:
            answer = self._accepts.submit(request)
        if isinstance(answer, Refused):
            line = Line(intent.id, "refused", kind=answer.kind.value, text=answer.text)
        elif isinstance(answer, Accepted):
            nonce = request.next_state.nonce if request.next_state else None
            line = Line(intent.id, "accepted", coin, answer.tx_hash, answer.output, nonce)
        else:
            raise TypeError(f"expected an answer at once, found {answer}")
        write(line)
        return line.answer()

    def _not_ready(self, intent: Intent) -> str | None:
        """Return why the chain cannot take it yet, None if it can."""
        last, nonce = intent.last_state, self._ledger.nonce
        if intent.operation in POOL_OPERATIONS and last is not None and nonce is not None and last.nonce != nonce:
            return f"expected a transaction on the pool's state {nonce}, found one on {last.nonce}"
        return "not ready by chance" if self._happens("not ready", intent, self._odds.not_ready) else None

    def _say(self, intent: Intent, said: Answer | NeverSeen) -> None:
        if not self._happens("answer lost", intent, self._odds.lost_answers):
            due_ms = self._clock.mono_ms() + self._odds.latency_ms
            heapq.heappush(self._said, (due_ms, self._messages, Heard(intent.id, said)))

    def _happens(self, what: str, intent: Intent, chance: float) -> bool:
        """Draw by what it is about, so that the same story goes the same way."""
        self._messages += 1
        digest = sha256(f"{what}|{intent.id}|{self._messages}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < chance * 2**64
