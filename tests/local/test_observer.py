"""How far readers are behind."""

from twilight.local.observer import LagMeter


def test_a_reader_at_the_end_of_the_log_is_not_behind() -> None:
    meter = LagMeter()
    meter.note(1.0, 10)
    assert meter.lag(5.0, 10) == (0, 0.0)
    assert meter.lag(5.0, 12) == (0, 0.0)


def test_a_reader_is_behind_since_the_log_first_went_past_it() -> None:
    meter = LagMeter()
    for second, end in enumerate((10, 20, 20, 30)):
        meter.note(float(second), end)
    assert meter.lag(5.0, 10) == (20, 4.0)
    assert meter.lag(5.0, 19) == (11, 4.0)
    assert meter.lag(5.0, 20) == (10, 2.0)


def test_before_the_log_is_known_nobody_is_behind() -> None:
    assert LagMeter().lag(5.0, 7) == (0, 0.0)
