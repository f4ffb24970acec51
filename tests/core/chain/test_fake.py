"""The fake chain: it spends a coin once, keeps the pool's states in order, and remembers (engine 10)."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.domain.exchange import Exchange, only

from twilight.core.chain import FakeChain, FakeLedger, Heard, NeverSeen, NoChain, Odds, attach, parse_url
from twilight.core.clock import Clock
from twilight.domain.model.chain import Accepted, Attached, Disabled, LenientPayloads, Refusal, Refused
from twilight.domain.model.events import IntentOpened
from twilight.domain.model.inflight import Intent


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(chain=Attached(LenientPayloads()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chain.jsonl"


def chain(path: Path, odds: Odds | None = None, clock: Clock | None = None) -> FakeChain:
    return FakeChain(FakeLedger(path), odds or Odds(latency_ms=0), Disabled(LenientPayloads()), clock or Clock())


def opened(exchange: Exchange, account: str) -> Intent:
    return only(IntentOpened, exchange.open(account)).intent


def said(fake: FakeChain) -> object:
    (heard,) = fake.heard()
    return heard.said


def test_what_it_took_it_still_knows_in_another_process(exchange: Exchange, path: Path) -> None:
    intent, first = opened(exchange, "A"), chain(path)
    first.send(intent)
    first.close()
    second = chain(path)
    second.ask(intent)
    found = said(second)
    assert isinstance(found, Accepted)
    second.ask(replace(intent, id="open:other:9"))
    assert said(second) == NeverSeen()


def test_what_comes_twice_is_answered_twice_and_done_once(exchange: Exchange, path: Path) -> None:
    intent, fake = opened(exchange, "A"), chain(path)
    fake.send(intent)
    fake.send(intent)
    first, second = fake.heard()
    assert first == second
    assert path.read_text().count('"what":"accepted"') == 1


def test_a_coin_is_spent_once(exchange: Exchange, path: Path) -> None:
    intent, fake = opened(exchange, "A"), chain(path)
    fake.send(intent)
    fake.heard()
    fake.send(replace(intent, id="open:again:9"))
    found = said(fake)
    assert isinstance(found, Refused)
    assert found.text == f"the margin of {intent.uuid} is spent"


def test_a_transaction_on_an_old_state_of_the_pool_has_to_wait(exchange: Exchange, path: Path) -> None:
    fake = chain(path)
    first = only(IntentOpened, exchange.lend("L", 1_000_000)).intent
    fake.send(first)
    assert isinstance(said(fake), Accepted)
    fake.send(replace(first, id="deposit:m:9", uuid="m"))
    found = said(fake)
    assert isinstance(found, Refused)
    assert found.kind is Refusal.STATE_NOT_READY


def test_answers_come_after_the_latency(exchange: Exchange, path: Path) -> None:
    now_ms = 0
    fake = chain(path, Odds(latency_ms=100), Clock(mono_ns=lambda: now_ms * 1_000_000))
    fake.send(opened(exchange, "A"))
    now_ms = 99
    assert fake.heard() == []
    now_ms = 100
    assert len(fake.heard()) == 1


@pytest.mark.parametrize(
    ("odds", "expected"),
    [
        (Odds(0, refused=1), [Refused(Refusal.REJECTED, "refused by chance")]),
        (Odds(0, not_ready=1), [Refused(Refusal.STATE_NOT_READY, "not ready by chance")]),
        (Odds(0, lost_requests=1), []),
        (Odds(0, lost_answers=1), []),
    ],
)
def test_it_fails_as_it_is_told_to(exchange: Exchange, path: Path, odds: Odds, expected: list[object]) -> None:
    intent, fake = opened(exchange, "A"), chain(path, odds)
    fake.send(intent)
    assert fake.heard() == [Heard(intent.id, one) for one in expected]


def test_its_address_says_what_it_is_like(path: Path) -> None:
    found, odds = parse_url(f"fake:{path}?latency_ms=5&refused=0.25")
    assert (found, odds) == (path, Odds(latency_ms=5, refused=0.25))
    assert parse_url(f"fake:{path}?latency_ms=3600000&refused=1")[1] == Odds(latency_ms=3_600_000, refused=1)
    assert isinstance(attach("", LenientPayloads(), Clock()), NoChain)
    assert isinstance(attach(f"fake:{path}", LenientPayloads(), Clock()), FakeChain)


@pytest.mark.parametrize("url", ["http://chain:1", "fake:", "fake:a?refused=2", "fake:a?refused=nan", "fake:a?color=1"])
def test_an_address_of_no_chain_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_url(url)
