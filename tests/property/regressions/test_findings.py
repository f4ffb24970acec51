"""What the model found, each with the smallest input that showed it."""

import json
from pathlib import Path

import pytest
from tests.model.observed import observed
from tests.property.lockstep import Engine
from tests.property.story import Story, answers

TICK = {"now": "2026-03-11T10:00:00+00:00", "tick": {"price": 65000.0}}
UUID = "00000000-0000-4000-8000-000000000001"


def test_a_tick_below_one_dollar_does_not_even_change_the_feeds_status() -> None:  # R27
    story = Story()
    story.tick(65_000)
    story.tick(0.49, "HEALTHY", "STEP_LIMITED")
    assert answers(story.open("A", "LONG", 1000, 1)) == ["FILLED"]


@pytest.mark.parametrize(("owner_is_trader", "expected"), [(False, ["CANCELLED"]), (True, ["FILLED", "StopLossAdded"])])
def test_the_memo_that_comes_with_a_stop_loss_must_be_the_traders_own(
    shared_dir: Path, *, owner_is_trader: bool, expected: list[str]
) -> None:  # W-03, C13
    example = shared_dir / "spec" / "examples" / "command.CreateTraderOrderSlTp.with-settle-msg.json"
    request, legs, message, _meta, _payload, request_id = json.loads(example.read_text())["CreateTraderOrderSlTp"]
    account = request["account_id"] if owner_is_trader else "another"
    content = [request | {"account_id": account}, legs, message, {"metadata": {}}, "00", request_id]
    engine = Engine("default")
    engine.take(TICK)
    records = engine.take({"now": TICK["now"], "uuid": UUID, "command": {"CreateTraderOrderSlTp": content}})
    assert answers([observed(record) for record in records]) == expected


def test_a_withdrawal_leaves_the_book_closed_where_its_two_roundings_differ() -> None:  # 2.13, I-11
    story = Story("reference")
    story.tick(65_000)
    story.lend("L", 1000)
    story.open("A", "LONG", 100_000, 10)
    story.tick(59_089)
    story.withdraw("L")
    assert story.pool[0] == 200_099_999
