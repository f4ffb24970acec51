"""What a snapshot holds is the whole state, whatever stands in it (engine I-20)."""

import json
from pathlib import Path

import pytest
from tests.core.test_simulate import events, lines, trace

from twilight.core.durability import memory
from twilight.core.durability.recovery import Start, fold, from_snapshot
from twilight.core.durability.snapshot import DamagedSnapshot, SnapshotFiles
from twilight.core.simulate import simulate
from twilight.domain.books.snapshot import FORMAT, state_hash
from twilight.domain.books.state import State
from twilight.domain.engine import Engine, new_engine


def folded(profile: str, inputs: int) -> Engine:
    """Return the state after the first lines of a golden trace, folded from its events."""
    engine = new_engine(lambda: "unused")
    for offset, line in enumerate(simulate(lines(trace(profile)[:inputs]))):
        record = json.loads(line)
        fold(engine, offset, json.dumps(record["key"]).encode(), json.dumps(record["value"]).encode(), 0)
    return engine


@pytest.mark.parametrize("inputs", range(2, 11))
@pytest.mark.parametrize("profile", ["reference", "default"])
def test_a_state_comes_back_equal_at_every_step_of_the_traces(profile: str, inputs: int) -> None:
    state = folded(profile, inputs).state
    restored, next_offset, next_intent, taken_ns = memory.load(memory.dump(state, "log", 42, 3, 7), "log")
    assert restored == state or state_hash(restored) == state_hash(state)
    assert state_hash(restored) == state_hash(state)
    assert (next_offset, next_intent, taken_ns) == (42, 3, 7)


def test_a_restored_state_goes_on_like_the_one_that_was_saved() -> None:
    saved = folded("default", 5)
    restored = new_engine(lambda: "unused", state=memory.load(memory.dump(saved.state, "log", 0, 0, 0), "log")[0])
    rest = list(simulate(lines(trace("default"))))[len(list(events(trace("default")[:5]))) :]
    for offset, line in enumerate(rest):
        record = json.loads(line)
        for engine in (saved, restored):
            fold(engine, offset, json.dumps(record["key"]).encode(), json.dumps(record["value"]).encode(), 0)
    assert state_hash(restored.state) == state_hash(saved.state)


def test_numbers_beyond_64_bits_are_kept() -> None:
    state = State(funding_index=-(2**130), shortfall_sats=2**70)
    restored, *_ = memory.load(memory.dump(state, "log", 0, 0, 0), "log")
    assert (restored.funding_index, restored.shortfall_sats) == (-(2**130), 2**70)


def test_ties_in_a_trigger_set_keep_their_order() -> None:
    state = State()
    for name in ("b", "a", "c"):
        state.triggers.close_long.put(name, 5)
    restored, *_ = memory.load(memory.dump(state, "log", 0, 0, 0), "log")
    assert [name for name, _ in restored.triggers.close_long] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (memory.dump(State(), "other log", 0, 0, 0), "expected a state of the log"),
        (
            memory.dump(State(), "log", 0, 0, 0).replace(b'{"format":%d,' % FORMAT, b'{"format":0,', 1),
            "state of format",
        ),
        (memory.dump(State(), "log", 0, 0, 0).replace(b'"price"', b'"prize"'), "expected a saved state"),
        (b"{}", "expected a saved state"),
        (b"\x00", "expected a saved state"),
    ],
)
def test_a_body_that_is_not_of_this_log_and_build_is_left_aside(body: bytes, said: str) -> None:
    with pytest.raises(DamagedSnapshot, match=said):
        memory.load(body, "log")


def test_a_snapshot_that_knows_more_than_the_log_holds_is_left_aside(tmp_path: Path) -> None:
    files, engine = SnapshotFiles(tmp_path / "snapshot"), new_engine(lambda: "unused")
    files.save(memory.dump(folded("default", 5).state, "log", 100, 3, 0))
    assert from_snapshot(files, "log", engine, Start(100, 2)) == Start(0, 0)
    assert from_snapshot(files, "log", engine, Start(50, 3)) == Start(0, 0)
    assert engine.state.pool.log_sequence == 0
    assert from_snapshot(files, "log", engine, Start(100, 3)) == Start(100, 3)
    assert engine.state.pool.log_sequence > 0
