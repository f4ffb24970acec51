"""A trigger set against the plainest thing that does the same: a list that is sorted every time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilight.domain.books import triggers as module
from twilight.domain.books.triggers import TriggerSet

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


@given(
    STEPS,
    st.integers(-4, 31),
    st.lists(st.integers(1, 9), min_size=40, max_size=40),
    st.integers(0, 60),
    st.sampled_from(["from the top", "from the bottom"]),
)
def test_what_is_light_enough_is_found_as_by_looking_at_each(
    steps: list[tuple[str, str, int]], bound: int, weights: list[int], limit: int, side: str
) -> None:
    members, plain = model_of(steps)
    above = side == "from the top"
    weight = {f"u{number}": weights[number] for number in range(40)}
    best = sorted((m for m in plain if m[1] >= bound), key=lambda m: -m[1]) if above else plain
    left, expected = limit, list[str]()
    for uuid in [uuid for uuid, score in best if above or score <= bound]:
        if weight[uuid] <= left:
            expected.append(uuid)
            left -= weight[uuid]
    found = list[str]()

    def room() -> int:
        return limit - sum(weight[uuid] for uuid in found)

    for uuid in members.light(bound, above=above, weigh=weight.__getitem__, limit=room):
        found.append(uuid)
    assert found == expected
    assert members.count_at_or_above(bound) == sum(score >= bound for _, score in plain)
    assert members.count_at_or_below(bound) == sum(score <= bound for _, score in plain)


def test_what_is_too_heavy_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_MAX", 1024)
    members, looked = TriggerSet(), list[str]()

    def weigh(uuid: str) -> int:
        looked.append(uuid)
        return 10

    for number in range(20_000):
        members.put(f"u{number}", number)
    for _ in range(2):
        looked.clear()
        assert list(members.light(0, above=True, weigh=weigh, limit=lambda: 9)) == []
        assert list(members.light(20_000, above=False, weigh=weigh, limit=lambda: 9)) == []
    assert looked == []
