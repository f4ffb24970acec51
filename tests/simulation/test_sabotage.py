"""A core that is broken on purpose is found out: so much the simulation is able to see."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.run import Outcome, Run

from twilight.bus import Aborted
from twilight.core import loop, publisher
from twilight.core.cycle import FeedWatch
from twilight.core.durability import keeper, memory
from twilight.core.exchange import Exchange
from twilight.core.inputs.feed import FeedStatus
from twilight.core.inputs.intake import Intake
from twilight.core.publisher import BackgroundPublisher, Publication
from twilight.domain.books.state import State

SEEDS = (1, 12, 6, 2, 7, 8)


def found(folder: Path, text: str, *, writes_beside: bool | None = None) -> bool:
    """Return whether one of some seeds finds a fault that says so."""
    return any(text in fault for outcome in runs(folder, writes_beside) for fault in outcome.faults)


def runs(folder: Path, writes_beside: bool | None) -> Any:  # noqa: FBT001  # as the run has it
    for seed in SEEDS:
        outcome: Outcome = Run(seed, folder / str(seed), writes_beside=writes_beside).go()
        yield outcome


def test_a_core_that_goes_on_after_a_failed_transaction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    publish = loop.Loop.publish

    def publish_regardless(self: loop.Loop) -> None:
        try:
            publish(self)
        except Aborted:
            return

    monkeypatch.setattr(loop.Loop, "publish", publish_regardless)
    assert found(tmp_path, "went on", writes_beside=False)


def test_a_publisher_that_goes_on_after_a_failed_transaction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_down = publisher.write_down

    def write_down_regardless(publications: Any, writer: Any, topic: str, written: dict[str, int]) -> None:
        with suppress(Aborted):
            write_down(publications, writer, topic, written)

    monkeypatch.setattr(publisher, "write_down", write_down_regardless)
    assert found(tmp_path, "went on", writes_beside=True)


def test_a_publisher_that_tells_before_it_has_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    take = BackgroundPublisher._take

    def tell_first(self: BackgroundPublisher) -> list[Publication]:
        taken = take(self)
        for answer in (answer for publication in taken for answer in publication.answers):
            answer()
        return [Publication(publication.batch, ()) for publication in taken]

    monkeypatch.setattr(BackgroundPublisher, "_take", tell_first)
    assert found(tmp_path, "before its intent was in the log", writes_beside=True)


def test_a_snapshot_that_names_the_wrong_offset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def dump(state: State, log_id: str, next_offset: int, next_intent: int, taken_ns: int) -> bytes:
        return memory.dump(state, log_id, next_offset + 2, next_intent, taken_ns)

    monkeypatch.setattr(keeper, "memory", type("Wrong", (), {"dump": staticmethod(dump)}))
    assert found(tmp_path, "snapshot")


def test_a_core_that_trades_before_it_has_a_price(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(FeedWatch, "status", lambda _self, _now_ms: FeedStatus.HEALTHY)
    assert found(tmp_path, "before the first tick")


def test_a_core_that_trades_at_a_price_from_before_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ready = Intake.ready
    monkeypatch.setattr(Intake, "ready", lambda self, _now_ms: ready(self, 10**18))
    assert found(tmp_path, "older than its command")


def test_a_core_that_loses_the_bytes_of_what_was_no_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Exchange, "_keep_bytes", lambda *_: None)
    assert found(tmp_path, "were no commands")
