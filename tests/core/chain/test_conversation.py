"""What the core says to a chain, and how often (decisions C11)."""

from dataclasses import dataclass, field

import pytest

from twilight.core.chain import Conversation, Heard, NeverSeen, NoChain
from twilight.core.chain.conversation import NOT_READY_TIMES_MAX, NOT_READY_WAIT_MS
from twilight.core.clock import Clock
from twilight.domain.model.chain import Accepted, Operation, Refusal, Refused
from twilight.domain.model.inflight import Caused, Intent
from twilight.domain.model.inputs import ChainAnswer
from twilight.ops.errors import SettingsError

INTENT = Intent("open:u:1", Operation.OPEN, "u", "a", Caused(), None)
YES = Accepted("AB")
NOT_READY = Refused(Refusal.STATE_NOT_READY, "not yet")


@dataclass
class Scripted:
    """A chain that says what a test tells it to."""

    sent: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    says: list[Heard] = field(default_factory=list)

    def send(self, intent: Intent) -> None:
        self.sent.append(intent.id)

    def ask(self, intent: Intent) -> None:
        self.asked.append(intent.id)

    def heard(self) -> list[Heard]:
        says, self.says = self.says, []
        return says

    def close(self) -> None: ...


@dataclass
class Talk:
    """A conversation and its time."""

    chain: Scripted = field(default_factory=Scripted)
    now_ms: int = 1_000

    def __post_init__(self) -> None:
        self.conversation = Conversation(self.chain, Clock(mono_ns=lambda: self.now_ms * 1_000_000), answer_wait_s=10)

    def says(self, said: Accepted | Refused | NeverSeen, after_ms: int = 0) -> list[ChainAnswer]:
        self.chain.says.append(Heard(INTENT.id, said))
        return self.turn(after_ms)

    def turn(self, after_ms: int = 0) -> list[ChainAnswer]:
        self.now_ms += after_ms
        return self.conversation.turn()


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_an_intent_goes_out_when_it_is_in_the_log_and_its_answer_is_given_once(talk: Talk) -> None:
    talk.conversation.committed(INTENT)
    assert talk.turn() == []
    assert talk.chain.sent == [INTENT.id]
    assert talk.says(YES) == [ChainAnswer("u", INTENT.id, YES)]
    assert talk.says(YES) == []
    assert len(talk.conversation) == 0


def test_an_answer_that_does_not_come_is_asked_for_and_not_sent_again(talk: Talk) -> None:
    talk.conversation.committed(INTENT)
    talk.turn()
    talk.turn(9_000)
    assert talk.chain.asked == []
    talk.turn(1_000)
    assert (talk.chain.sent, talk.chain.asked) == ([INTENT.id], [INTENT.id])
    assert talk.says(YES) == [ChainAnswer("u", INTENT.id, YES)]


def test_after_a_take_over_the_chain_is_asked_before_anything_is_sent(talk: Talk) -> None:
    talk.conversation.resume([INTENT])
    assert (talk.chain.sent, talk.chain.asked) == ([], [INTENT.id])
    assert talk.says(YES) == [ChainAnswer("u", INTENT.id, YES)]
    assert talk.chain.sent == []


def test_what_the_chain_has_never_seen_is_sent(talk: Talk) -> None:
    talk.conversation.resume([INTENT])
    assert talk.says(NeverSeen()) == []
    assert talk.chain.sent == [INTENT.id]


def test_a_chain_that_is_not_ready_gets_its_time_and_then_no_more(talk: Talk) -> None:
    talk.conversation.committed(INTENT)
    talk.turn()
    for _ in range(NOT_READY_TIMES_MAX - 1):
        assert talk.says(NOT_READY) == []
        talk.turn(NOT_READY_WAIT_MS)
    assert len(talk.chain.sent) == NOT_READY_TIMES_MAX
    assert talk.says(NOT_READY) == [ChainAnswer("u", INTENT.id, NOT_READY)]


def test_without_a_chain_what_is_open_cannot_be_resolved() -> None:
    with pytest.raises(SettingsError, match=r"open:u:1 was sent to a chain and is not answered"):
        Conversation(NoChain(), Clock(), answer_wait_s=10).resume([INTENT])
