"""One order on which the engine fails does not stop a tick (docs/decisions/tick-isolation.md)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.domain.exchange import Exchange, answers, statuses

from twilight.domain import liquidation, settlement
from twilight.domain import ticks as ticks_module
from twilight.domain.errors import Corrupt


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


def test_a_state_that_is_in_doubt_still_stops_the_core(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.open("A")

    def liquidate(*_: Any, **__: Any) -> None:
        raise Corrupt("the book is wrong")

    monkeypatch.setattr(ticks_module, "liquidate", liquidate)
    with pytest.raises(Corrupt):
        exchange.tick(59_000)
