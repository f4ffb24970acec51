"""One order on which the engine fails does not stop a tick (docs/decisions/tick-isolation.md)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.domain.exchange import Exchange, aggregates, answers, statuses

from twilight.domain.model.errors import Corrupt
from twilight.domain.model.inputs import UpdateRiskParamsCall
from twilight.domain.trading import filling, liquidation, settlement
from twilight.domain.trading import ticks as ticks_module


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def failing(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, is_bad: Callable[..., bool]) -> list[bool]:
    """Let a function fail on what is bad, until the returned list holds something."""
    real, mended = getattr(module, name), list[bool]()

    def fails(case: Any, position: Any, *args: Any, **more: Any) -> Any:
        if is_bad(position) and not mended:
            raise ZeroDivisionError("a fault of ours")
        return real(case, position, *args, **more)

    monkeypatch.setattr(ticks_module, name, fails)
    return mended


def is_a(position: Any) -> bool:
    return bool(position.order.account_id == "A")


def test_a_position_that_cannot_be_liquidated_is_reported_and_tried_again(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    for account in ("A", "B"):
        exchange.open(account)
    mended = failing(monkeypatch, liquidation, "liquidate", is_a)
    made = exchange.tick(59_000)
    assert statuses(made) == ["Error", "LIQUIDATE"]
    report = answers(made)[0]
    assert report.order_id == exchange.uuid("A")
    assert "ZeroDivisionError: a fault of ours" in (report.reason or "")
    exchange.assert_recoverable()
    mended.append(True)
    assert statuses(exchange.tick(59_000)) == []
    exchange.wait(5)
    assert statuses(exchange.tick(59_000)) == ["LIQUIDATE"]


def test_a_trigger_that_cannot_be_settled_is_set_again(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    for account in ("A", "B"):
        exchange.open(account)
        exchange.close(account, 66_000)
    mended = failing(monkeypatch, settlement, "settle", is_a)
    assert statuses(exchange.tick(66_000)) == ["Error", "SETTLED"]
    assert exchange.state.triggers.close_long.score(exchange.uuid("A")) == 660_000_000
    exchange.assert_recoverable()
    mended.append(True)
    exchange.wait(5)
    assert statuses(exchange.tick(66_000)) == ["SETTLED"]


def test_a_limit_that_cannot_be_filled_rests_on(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    for account in ("A", "B"):
        exchange.open(account, limit=64_000)
    real, mended = ticks_module.fill_resting, list[bool]()

    def fill_resting(case: Any, position: Any, **more: Any) -> Iterator[Any]:
        if is_a(position) and not mended:
            raise TypeError("a fault of ours")
        yield from real(case, position, **more)

    monkeypatch.setattr(ticks_module, "fill_resting", fill_resting)
    assert statuses(exchange.tick(63_900)) == ["Error", "FILLED"]
    assert statuses(exchange.tick(63_900)) == []
    exchange.assert_recoverable()
    mended.append(True)
    exchange.wait(5)
    assert statuses(exchange.tick(63_900)) == ["FILLED"]


def test_a_fault_after_a_fill_does_not_put_the_filled_order_back_among_those_that_rest(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.open_with_legs("A", limit=64_000, sl=60_000)

    def set_legs_after_fill(*_: Any) -> Iterator[Any]:
        raise TypeError("a fault of ours")

    monkeypatch.setattr(filling, "set_legs_after_fill", set_legs_after_fill)
    made = exchange.tick(63_900)
    assert statuses(made) == ["FILLED", "Error"]
    assert exchange.uuid("A") not in exchange.state.triggers.open_long
    exchange.assert_recoverable()


def test_a_limit_that_failed_while_another_rests_on_is_not_tried_again_at_every_tick(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tick takes them out one by one then, so the one that failed was never out of its set."""
    exchange.open("A", limit=64_000)
    exchange.open("B", limit=64_000, margin=380_000)  # with A, and C beside it, larger than the market
    exchange.open("C", limit=64_000, margin=380_000)
    exchange.admin(UpdateRiskParamsCall(max_net_mult=0.025))
    real, mended, tried = ticks_module.fill_resting, list[bool](), list[str]()

    def fill_resting(case: Any, position: Any, **more: Any) -> Iterator[Any]:
        tried.append(position.order.account_id)
        assert more["remove_first"]
        if is_a(position) and not mended:
            raise TypeError("a fault of ours")
        yield from real(case, position, **more)

    monkeypatch.setattr(ticks_module, "fill_resting", fill_resting)
    made = exchange.tick(63_900)
    assert statuses(made) == ["Error", "FILLED"]
    assert f"AddOpenLimitPrice-{exchange.uuid('A')}" in aggregates(made)
    assert statuses(exchange.tick(63_900)) == []
    assert tried == ["A", "B"]
    exchange.assert_recoverable()
    mended.append(True)
    exchange.wait(5)
    assert statuses(exchange.tick(63_900)) == ["FILLED"]
    assert exchange.state.retries == {}


def test_a_state_that_is_in_doubt_still_stops_the_core(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.open("A")

    def liquidate(*_: Any, **__: Any) -> None:
        raise Corrupt("the book is wrong")

    monkeypatch.setattr(ticks_module, "liquidate", liquidate)
    with pytest.raises(Corrupt):
        exchange.tick(59_000)
