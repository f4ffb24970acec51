import pytest

from twilight.core.inputs.intake import Intake


@pytest.fixture
def intake() -> Intake[str]:
    intake = Intake[str]()
    assert intake.ticked(0) == []
    return intake


def test_a_command_waits_for_the_first_tick_after_its_arrival(intake: Intake[str]) -> None:
    intake.arrive(["open"], 10)
    assert intake.ready(100) == []
    assert intake.ticked(250) == ["open"]


def test_commands_of_several_arrivals_leave_in_their_order(intake: Intake[str]) -> None:
    intake.arrive(["a", "b"], 10)
    intake.arrive(["c"], 20)
    assert intake.ticked(250) == ["a", "b", "c"]


def test_a_command_can_be_made_to_wait_for_two_ticks() -> None:
    intake = Intake[str](ticks_to_wait=2)
    intake.ticked(0)
    intake.arrive(["a"], 10)
    assert intake.ticked(250) == []
    intake.arrive(["b"], 260)
    assert intake.ticked(500) == ["a"]
    assert intake.ticked(750) == ["b"]


def test_immediate_intake_hands_over_at_once() -> None:
    intake = Intake[str](ticks_to_wait=0)
    intake.ticked(0)
    intake.arrive(["a"], 0)
    assert intake.ready(1) == ["a"]


def test_a_silent_feed_hands_everything_over_after_a_second(intake: Intake[str]) -> None:
    intake.arrive(["a", "b"], 0)
    assert intake.ready(999) == []
    assert intake.ready(1_000) == ["a", "b"]
    assert len(intake) == 0


def test_a_feed_has_a_second_for_its_first_tick() -> None:
    intake = Intake[str]()
    intake.arrive(["a"], 5_000)
    assert intake.ready(5_000) == []
    assert intake.ready(5_999) == []
    assert intake.ready(6_000) == ["a"]


def test_a_tick_that_was_accepted_before_a_command_was_read_does_not_count_for_it(intake: Intake[str]) -> None:
    intake.arrive(["a"], 300)
    assert intake.ticked(250) == []
    assert intake.ticked(300) == []
    assert intake.ticked(550) == ["a"]
