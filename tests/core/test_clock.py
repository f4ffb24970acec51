from twilight.core.clock import Clock


def test_time_stands_still_when_the_wall_clock_is_set_back_but_the_feed_is_judged_by_the_true_one() -> None:
    times = iter([100 * 10**9, 95 * 10**9, 95 * 10**9])
    clock = Clock(lambda: next(times))
    assert (clock.wall_ms(), clock.wall_ms(), clock.true_wall_ms()) == (100_000, 100_000, 95_000)
