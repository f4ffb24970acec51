"""The engine against an independent model: a plain ledger written from the specification by one who had not read it.

Random scenarios go through both; after every input each record must be the one that the model expects, and the stream
by itself must keep the invariants of section 13. `TWILIGHT_PROPERTY_EXAMPLES` sets how many scenarios (default 80).
"""

import json
import os

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.lockstep import Engine, Lockstep
from tests.property.moves import GENESES, KINDS, NUMBERS, Move

from twilight.core.replay import RawRecord, replay
from twilight.core.simulate import simulate
from twilight.domain.books.snapshot import state_hash

EXAMPLES = int(os.environ.get("TWILIGHT_PROPERTY_EXAMPLES", "80"))
FIRST_TICK = {"now": "2026-03-11T10:00:00+00:00", "tick": {"price": 65000.0}}
MOVES = st.tuples(st.sampled_from(KINDS), st.tuples(*[st.integers(0, 2**16 - 1)] * NUMBERS))
SCENARIOS = st.lists(MOVES, min_size=20, max_size=100)

CHECKED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="TWILIGHT_PROPERTY_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
A_FEW = settings(CHECKED, max_examples=max(EXAMPLES // 6, 1))

both_profiles = pytest.mark.parametrize("profile", ["default", "reference"])


class Record(msgspec.Struct):
    """One line of `twilight core simulate`."""

    key: msgspec.Raw
    value: msgspec.Raw


def played(profile: str, moves: list[Move], genesis: tuple[int, int] = GENESES[0]) -> Lockstep:
    """Play a scenario to its end; raises where engine and model disagree or an invariant breaks."""
    lockstep = Lockstep(profile, *genesis)
    lockstep.take(FIRST_TICK)
    for move in moves:
        lockstep.play(move)
    return lockstep


@both_profiles
@CHECKED
@given(scenario=SCENARIOS)
def test_the_engine_writes_what_the_model_expects(profile: str, scenario: list[Move]) -> None:
    played(profile, scenario)


@both_profiles
@A_FEW
@given(scenario=SCENARIOS, genesis=st.sampled_from(GENESES[1:]))
def test_pools_of_a_sat_and_of_half_the_world_are_no_exception(
    profile: str, scenario: list[Move], genesis: tuple[int, int]
) -> None:
    played(profile, scenario, genesis)


@both_profiles
@A_FEW
@given(scenario=SCENARIOS)
def test_the_log_alone_gives_the_state_back(profile: str, scenario: list[Move]) -> None:
    lockstep = played(profile, scenario)
    live = state_hash(lockstep.engine.simulation.state)
    assert replay(iter(records(lockstep.log))).state_hash == live


def records(log: list[bytes]) -> list[RawRecord]:
    """Return the lines as they would be read from Kafka."""
    lines = [msgspec.json.decode(line, type=Record) for line in log]
    return [(offset, bytes(line.key), bytes(line.value), 0) for offset, line in enumerate(lines)]


@both_profiles
@A_FEW
@given(scenario=SCENARIOS)
def test_the_same_inputs_give_the_same_bytes(profile: str, scenario: list[Move]) -> None:
    lockstep = played(profile, scenario)
    text = [json.dumps({"profile": profile}), *map(json.dumps, lockstep.lines)]
    assert list(simulate(line.encode() for line in text)) == lockstep.log


@both_profiles
@A_FEW
@given(scenario=SCENARIOS)
def test_commands_delivered_again_change_nothing(profile: str, scenario: list[Move]) -> None:
    lockstep = played(profile, scenario)
    before = state_hash(lockstep.engine.simulation.state)
    again = [line for line in lockstep.lines if isinstance(line.get("command"), dict) and "uuid" in line]
    assert [lockstep.engine.take(line) for line in again] == [[]] * len(again)
    assert state_hash(lockstep.engine.simulation.state) == before


def test_an_engine_by_lines_is_the_engine_in_process() -> None:
    engine = Engine("default")
    lines = [FIRST_TICK, FIRST_TICK | {"tick": {"price": 66000.0}}]
    expected = [record for line in lines for record in engine.take(line)]
    assert list(simulate(json.dumps(line).encode() for line in lines)) == expected
