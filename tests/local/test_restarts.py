"""Back-off between restarts."""

from twilight.local.restarts import FIRST_S, LONGEST_S, PROVEN_S, Restarts


def test_each_death_doubles_the_pause_up_to_a_limit() -> None:
    restarts = Restarts()
    pauses = [restarts.after_death(0.1) for _ in range(8)]
    assert pauses == [FIRST_S, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_S, LONGEST_S]
    assert restarts.count == 8


def test_a_part_that_has_lived_for_a_minute_is_forgiven() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.after_death(1.0)
    assert restarts.after_death(PROVEN_S) == FIRST_S
    assert restarts.count == 6


def test_a_part_that_dies_for_days_is_still_started_again() -> None:
    restarts = Restarts()
    assert [restarts.after_death(0.1) for _ in range(2_000)][-1] == LONGEST_S
