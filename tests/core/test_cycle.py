"""In which order waiting inputs meet the engine, and what they are told of the feed."""

from collections.abc import Iterable, Sequence

import pytest
from tests.core.feeders import SignedFeeder

from twilight.core.cycle import Cycle, Step
from twilight.core.inputs.arrivals import Arrival
from twilight.core.inputs.feed import AcceptedTick, Feed, Refusal
from twilight.domain.books.state import OpenHour, State
from twilight.domain.model.clock import NS_PER_HOUR
from twilight.domain.model.inputs import CommandInput, FeedStatus, FundingHour, NotACommand, Tick

HOUR = 493_185
WALL_NS = HOUR * NS_PER_HOUR + 5 * 10**9


@pytest.fixture
def cycle() -> Cycle:
    return Cycle(ticks_to_wait=1)


@pytest.fixture
def feeder() -> SignedFeeder:
    return SignedFeeder()


def tick(feeder: SignedFeeder, now_ms: int, status: str = "HEALTHY", **changes: object) -> AcceptedTick:
    outcome = Feed([[feeder.public_key]]).offer(0, feeder.frame(0, status=status, **changes), 0, now_ms)  # type: ignore[arg-type]
    assert not isinstance(outcome, Refusal)
    return outcome


def arrival(name: str) -> Arrival:
    return Arrival(CommandInput(NotACommand(name)), name.encode())


def turn(
    cycle: Cycle,
    ticks: Sequence[AcceptedTick],
    arrivals: Iterable[str],
    mono_ms: int,
    state: State | None = None,
    wall_ns: int = WALL_NS,
) -> list[Step]:
    return list(cycle.turn(ticks, map(arrival, arrivals), state or State(funding_hour=HOUR), wall_ns, mono_ms))


def names(steps: list[Step]) -> list[str]:
    return [given.value.decode() if isinstance(given, Arrival) else type(given).__name__ for given, _ in steps]


def test_a_command_is_executed_right_after_the_tick_that_followed_it(cycle: Cycle, feeder: SignedFeeder) -> None:
    assert names(turn(cycle, [tick(feeder, 0)], ["early"], 10)) == ["Tick"]
    assert names(turn(cycle, [tick(feeder, 250)], ["late"], 260)) == ["Tick", "early"]
    assert names(turn(cycle, [tick(feeder, 500)], [], 510)) == ["Tick", "late"]


def test_ticks_that_were_accepted_before_a_command_was_read_do_not_count_for_it(
    cycle: Cycle, feeder: SignedFeeder
) -> None:
    assert names(turn(cycle, [tick(feeder, 0), tick(feeder, 1)], ["a"], 2)) == ["Tick", "Tick"]


def test_when_the_feed_falls_silent_commands_meet_the_gates(cycle: Cycle, feeder: SignedFeeder) -> None:
    turn(cycle, [tick(feeder, 0)], ["a"], 0)
    assert names(turn(cycle, [], [], 999)) == []
    ((_, conditions),) = turn(cycle, [], [], 1_000)
    assert conditions.feed_status is FeedStatus.HOLD
    assert conditions.feed_age_ms == 1_000


def test_before_the_first_tick_the_feed_is_starting(cycle: Cycle) -> None:
    assert turn(cycle, [], ["a"], 10**6) == []
    ((_, conditions),) = turn(cycle, [], [], 10**6 + 1_000)
    assert conditions.feed_status is FeedStatus.STARTING


def test_after_a_stall_of_the_core_the_feed_was_not_silent(cycle: Cycle, feeder: SignedFeeder) -> None:
    turn(cycle, [tick(feeder, 0)], ["waits"], 0, wall_ns=WALL_NS - NS_PER_HOUR)
    backlog = [tick(feeder, at_ms) for at_ms in range(250, 2_500, 250)]
    steps = turn(cycle, backlog, [], 2_400, State(funding_hour=HOUR - 1))
    assert names(steps)[:4] == ["Tick", "FundingHour", "waits", "Tick"]
    assert {conditions.feed_status for _, conditions in steps} == {FeedStatus.HEALTHY}


def test_after_a_stall_in_which_the_feed_died_nothing_trades_and_no_hour_is_lost(
    cycle: Cycle, feeder: SignedFeeder
) -> None:
    turn(cycle, [tick(feeder, 0)], ["waits"], 0, wall_ns=WALL_NS - NS_PER_HOUR)
    steps = turn(cycle, [tick(feeder, 250)], [], 2_100, State(funding_hour=HOUR - 1))
    assert names(steps) == ["Tick", "waits"]
    assert {conditions.feed_status for _, conditions in steps} == {FeedStatus.HOLD}
    assert "FundingHour" in names(turn(cycle, [tick(feeder, 2_500)], [], 2_500, State(funding_hour=HOUR - 1)))


def test_a_tick_that_waited_too_long_is_left_aside(cycle: Cycle, feeder: SignedFeeder) -> None:
    assert names(turn(cycle, [tick(feeder, 0), tick(feeder, 29_500)], ["a"], 30_000)) == ["Tick"]
    assert cycle.late_ticks == 1
    assert names(turn(cycle, [tick(feeder, 30_500)], [], 40_000)) == ["a"]


def test_a_tick_that_waited_as_long_as_it_may_is_taken(cycle: Cycle, feeder: SignedFeeder) -> None:
    assert names(turn(cycle, [tick(feeder, 27_999)], [], 30_000)) == []
    assert names(turn(cycle, [tick(feeder, 28_000)], [], 30_000)) == ["Tick"]


def test_a_tick_has_the_time_at_which_it_was_accepted_and_no_input_an_earlier_one_than_that_before(
    cycle: Cycle, feeder: SignedFeeder
) -> None:
    backlog = [tick(feeder, 500), tick(feeder, 1_500)]
    (_, first), (_, second) = turn(cycle, backlog, [], 2_000)
    assert [first.now_ns, second.now_ns] == [WALL_NS - 1_500 * 10**6, WALL_NS - 500 * 10**6]
    ((_, third),) = turn(cycle, [tick(feeder, 1_600)], [], 2_200, wall_ns=WALL_NS + 10**7)
    assert third.now_ns == second.now_ns


def test_what_was_signed_travels_with_the_tick(cycle: Cycle, feeder: SignedFeeder) -> None:
    accepted = tick(feeder, 0, price=65_000.5)
    ((given, _),) = turn(cycle, [accepted], [], 0)
    assert isinstance(given, Tick)
    assert (given.price, given.text, given.kid, given.sig) == (
        65_000.5,
        accepted.text,
        accepted.tick.kid,
        accepted.tick.sig,
    )


class TestFunding:
    def test_an_hour_is_called_once_at_its_first_tradable_tick(self, cycle: Cycle, feeder: SignedFeeder) -> None:
        state = State(funding_hour=HOUR - 1)
        assert names(turn(cycle, [tick(feeder, 0, "HOLD")], [], 0, state)) == ["Tick"]
        steps = turn(cycle, [tick(feeder, 1)], ["a"], 1, state)
        assert names(steps) == ["Tick", "FundingHour"]
        assert steps[1][0] == FundingHour(HOUR)
        state.funding_hour = HOUR
        assert names(turn(cycle, [tick(feeder, 2)], [], 2, state)) == ["Tick", "a"]

    def test_an_hour_that_the_log_has_charged_is_not_called_after_a_restart(
        self, cycle: Cycle, feeder: SignedFeeder
    ) -> None:
        assert names(turn(cycle, [tick(feeder, 0)], [], 0, State(funding_hour=HOUR))) == ["Tick"]

    def test_hours_that_passed_without_a_tradable_tick_are_missed(self, cycle: Cycle, feeder: SignedFeeder) -> None:
        steps = turn(cycle, [tick(feeder, 0)], [], 0, State(funding_hour=HOUR - 5))
        assert [given for given, _ in steps if isinstance(given, FundingHour)] == [FundingHour(HOUR)]

    def test_a_paused_feed_calls_no_hour(self, cycle: Cycle, feeder: SignedFeeder) -> None:
        state = State(funding_hour=HOUR - 1)
        state.switches.pause_price_feed = True
        assert names(turn(cycle, [tick(feeder, 0)], [], 0, state)) == ["Tick"]
        state.switches.pause_price_feed = False
        assert names(turn(cycle, [tick(feeder, 1)], [], 1, state)) == ["Tick", "FundingHour"]

    def test_an_hour_that_could_not_be_charged_is_called_again(self, cycle: Cycle, feeder: SignedFeeder) -> None:
        state = State(funding_hour=HOUR - 1)
        for at_ms in (0, 250):
            assert names(turn(cycle, [tick(feeder, at_ms)], [], at_ms, state)) == ["Tick", "FundingHour"]

    def test_an_hour_within_which_the_pause_of_funding_ends_is_charged_then(
        self, cycle: Cycle, feeder: SignedFeeder
    ) -> None:
        state = State(funding_hour=HOUR - 1)
        state.switches.pause_funding = True
        assert names(turn(cycle, [tick(feeder, 0)], [], 0, state)) == ["Tick"]
        state.switches.pause_funding = False
        assert names(turn(cycle, [tick(feeder, 1)], [], 1, state)) == ["Tick", "FundingHour"]

    def test_a_tick_accepted_before_the_hour_does_not_call_it(self, cycle: Cycle, feeder: SignedFeeder) -> None:
        just_after = HOUR * NS_PER_HOUR + 10**8
        state = State(funding_hour=HOUR - 1)
        assert names(turn(cycle, [tick(feeder, 0)], [], 500, state, just_after)) == ["Tick"]


def test_while_an_hour_is_open_no_other_hour_begins(cycle: Cycle, feeder: SignedFeeder) -> None:
    state = State(funding_hour=HOUR - 1, open_hour=OpenHour(HOUR - 1, "2026-04-10T08:00:00Z", {}))
    assert names(turn(cycle, [tick(feeder, 0)], ["a"], 10, state)) == ["Tick"]
    state.open_hour = None
    assert names(turn(cycle, [tick(feeder, 250)], [], 260, state)) == ["Tick", "FundingHour", "a"]
