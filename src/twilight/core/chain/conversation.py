"""What is sent to the chain, what is asked of it, and what its answers become (decisions C11).

Nothing goes out before its intent is in the log, and nothing goes out again that the chain may have: an answer that
does not come is asked for, after a crash as after a silence.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from twilight.core.chain.port import ChainPort, Heard, NeverSeen
from twilight.core.clock import Clock
from twilight.domain.model.chain import Accepted, Refusal, Refused
from twilight.domain.model.inflight import Intent
from twilight.domain.model.inputs import ChainAnswer
from twilight.ops.logs import get

LOOK_MS = 50
NOT_READY_WAIT_MS = 200
NOT_READY_TIMES_MAX = 100
"""Engine 10: the reference waits 100 times 200 ms for the chain's state before it gives a transaction up."""

log = get(__name__)


@dataclass(slots=True)
class _Open:
    """An intent without an answer; at `due_ms` it is sent once more if it was not taken, else asked for."""

    intent: Intent
    due_ms: int
    not_ready: int = 0
    to_send: bool = False


class Conversation:
    """Belongs to the loop's thread, except that `committed` is told by whoever writes the log."""

    def __init__(self, port: ChainPort, clock: Clock, answer_wait_s: float) -> None:
        self._port = port
        self._clock = clock
        self._wait_ms = round(answer_wait_s * 1000)
        self._committed: deque[Intent] = deque()
        self._open: dict[str, _Open] = {}
        self._look_ms = 0
        self.asked = 0
        self.not_ready = 0

    def __len__(self) -> int:
        return len(self._open)

    def resume(self, intents: Iterable[Intent]) -> None:
        """Ask what became of everything that a core before this one has left open."""
        now_ms = self._clock.mono_ms()
        for intent in intents:
            log.info("chain asked after a take-over", intent=intent.id)
            self._ask(_Open(intent, now_ms), now_ms)

    def committed(self, intent: Intent) -> None:
        """Take note that an intent is in the log."""
        self._committed.append(intent)

    def turn(self) -> list[ChainAnswer]:
        """Send what may go out, ask for what is overdue, and return the answers that have come."""
        now_ms = self._clock.mono_ms()
        while self._committed:
            self._send(_Open(self._committed.popleft(), now_ms), now_ms)
        answers = [answer for heard in self._port.heard() if (answer := self._take(heard, now_ms)) is not None]
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + LOOK_MS
            self._chase(now_ms)
        return answers

    def close(self) -> None:
        """End the connection; whoever leads next will ask."""
        self._port.close()

    def _take(self, heard: Heard, now_ms: int) -> ChainAnswer | None:
        """Return the input that an answer is; one that was heard before is none."""
        one, said = self._open.get(heard.intent_id), heard.said
        if one is None:
            return None
        if isinstance(said, NeverSeen):
            self._send(one, now_ms)
            return None
        if isinstance(said, Refused) and said.kind is Refusal.STATE_NOT_READY and self._may_wait(one, now_ms):
            return None
        del self._open[heard.intent_id]
        return _answer(one.intent, said)

    def _may_wait(self, one: _Open, now_ms: int) -> bool:
        """Try once more in a moment; return whether that was not tried too often."""
        self.not_ready += 1
        one.not_ready += 1
        one.to_send, one.due_ms = True, now_ms + NOT_READY_WAIT_MS
        return one.not_ready < NOT_READY_TIMES_MAX

    def _chase(self, now_ms: int) -> None:
        for one in [one for one in self._open.values() if one.due_ms <= now_ms]:
            if one.to_send:
                self._send(one, now_ms)
            else:
                log.warning("the chain does not answer: asked", intent=one.intent.id)
                self._ask(one, now_ms)

    def _send(self, one: _Open, now_ms: int) -> None:
        self._wait_for(one, now_ms)
        self._port.send(one.intent)

    def _ask(self, one: _Open, now_ms: int) -> None:
        self.asked += 1
        self._wait_for(one, now_ms)
        self._port.ask(one.intent)

    def _wait_for(self, one: _Open, now_ms: int) -> None:
        one.to_send, one.due_ms = False, now_ms + self._wait_ms
        self._open[one.intent.id] = one


def _answer(intent: Intent, said: Accepted | Refused) -> ChainAnswer:
    return ChainAnswer(intent.uuid, intent.id, said)
