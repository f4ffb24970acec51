"""Intents as records of their topic."""

import pytest
from tests.domain.exchange import Exchange

from twilight.core.chain import fold_intent, intent_record
from twilight.domain.engine import new_engine
from twilight.domain.model.chain import Attached, LenientPayloads
from twilight.domain.model.events import IntentOpened
from twilight.domain.model.inputs import QueuePosition
from twilight.ops.errors import Corrupt


def test_every_kind_of_intent_comes_back_as_it_was() -> None:
    exchange = Exchange(chain=Attached(LenientPayloads()))

    def settle_all() -> None:
        while exchange.state.intents:
            exchange.answer(next(iter(exchange.state.intents.values())))

    for act in (
        lambda: exchange.open("A"),
        lambda: exchange.open("B", limit=64_000),
        lambda: exchange.open_with_legs("C", sl=60_000),
        lambda: exchange.lend("L", 1_000_000),
        lambda: exchange.tick(63_900),
        lambda: exchange.close("A"),
        lambda: exchange.withdraw("L"),
        lambda: exchange.tick(58_000),
        exchange.fund,
    ):
        act()
        settle_all()
    opened = [event for event in exchange.events if isinstance(event, IntentOpened)]
    assert {event.intent.id.split(":")[0] for event in opened} == {
        "open", "fill", "settle", "liquidate", "deposit", "withdraw",
    }  # fmt: skip
    for number, event in enumerate(opened):
        engine = new_engine(str)
        topic, key, value = intent_record(event, "intents")
        assert (topic, fold_intent(engine, number, key, value, 0)) == ("intents", "IntentOpened")
        assert list(engine.state.asked()) == [event.intent]


def test_where_its_command_stood_comes_back_too() -> None:
    exchange = Exchange(chain=Attached(LenientPayloads()))
    command = next(iter(exchange.open("A"))).intent.caused.command  # type: ignore[union-attr]
    exchange.command(command.__class__(command.request, {}, "00", "REQID2"), QueuePosition("q", "id", 7))  # type: ignore[union-attr,call-arg]
    opened = exchange.events[-1]
    assert not isinstance(opened, IntentOpened)  # the account is taken: answered at once
    exchange = Exchange(chain=Attached(LenientPayloads()))
    (event,) = exchange.command(command, QueuePosition("q", "id", 7))
    assert isinstance(event, IntentOpened)
    engine = new_engine(str)
    fold_intent(engine, 0, *intent_record(event, "intents")[1:], 0)
    assert engine.state.read_positions() == {"q": ("id", 7)}


def test_a_command_whose_turn_has_come_does_not_wait_any_more() -> None:
    exchange = Exchange(chain=Attached(LenientPayloads()))
    for account in ("A", "B"):
        (opened,) = exchange.open(account)
        exchange.answer(opened.intent)  # type: ignore[union-attr]  # an IntentOpened
    (closing,) = exchange.close("A")
    exchange.close("B")  # waits for the pool's turn
    exchange.answer(closing.intent)  # type: ignore[union-attr]
    (asked,) = exchange.state.asked()
    engine = new_engine(str)
    for number, event in enumerate(event for event in exchange.events if isinstance(event, IntentOpened)):
        fold_intent(engine, number, *intent_record(event, "intents")[1:], 0)
    assert not engine.state.waiting
    assert engine.state.intents[asked.uuid] == asked


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"IntentOpened":{"id":"x"}}'])
def test_an_intent_that_cannot_be_read_stops_the_core_and_names_its_offset(value: bytes | None) -> None:
    with pytest.raises(Corrupt, match="the intent at offset 5 cannot be read"):
        fold_intent(new_engine(str), 5, None, value, 0)
