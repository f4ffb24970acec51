"""A trigger set against the plainest thing that does the same: a list that is sorted every time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilight.domain import triggers as module
from twilight.domain.triggers import TriggerSet

UUIDS = st.sampled_from([f"u{number}" for number in range(40)])
STEPS = st.lists(st.tuples(st.sampled_from(["put", "discard"]), UUIDS, st.integers(-3, 30)), max_size=200)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_MAX", 6)


def model_of(steps: list[tuple[str, str, int]]) -> tuple[TriggerSet, list[tuple[str, int]]]:
    members, plain = TriggerSet(), dict[str, int]()
    for action, uuid, score in steps:
        known = uuid in plain
        plain.pop(uuid, None)
        if action == "put":
            plain[uuid] = score
            members.put(uuid, score)
        else:
            assert members.discard(uuid) == known
    return members, sorted(plain.items(), key=lambda member: member[1])


@given(STEPS, st.integers(-4, 31))
def test_a_trigger_set_behaves_like_a_sorted_list(steps: list[tuple[str, str, int]], bound: int) -> None:
    members, plain = model_of(steps)
    assert list(members) == plain
    assert len(members) == len(plain)
    assert members.at_or_above(bound) == [uuid for uuid, score in plain if score >= bound]
    assert members.at_or_below(bound) == [uuid for uuid, score in plain if score <= bound]
    assert all(members.score(uuid) == score and uuid in members for uuid, score in plain)


@given(STEPS)
def test_copies_and_rebuilt_sets_hold_the_same_in_the_same_order(steps: list[tuple[str, str, int]]) -> None:
    members, plain = model_of(steps)
    copy, rebuilt = members.copy(), TriggerSet()
    rebuilt.rebuild(iter(plain))
    members.put("new", 7)
    for other in (copy, rebuilt):
        assert list(other) == plain
        other.put("another", 3)
        assert other.score("another") == 3


def test_an_empty_set_has_nothing_to_fire() -> None:
    members = TriggerSet()
    assert (members.at_or_above(0), members.at_or_below(0), members.score("u"), len(members)) == ([], [], None, 0)
