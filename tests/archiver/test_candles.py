"""Candles: no interval is missing, none depends on the order in which events of it came (decisions S11)."""

import random
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from twilight.domain.candles import GAP_INTERVALS_MAX, MINUTE_S, NS_PER_S, Candle, CandleFold, Trade

T0 = 1_700_000_040  # a whole minute


def fold_of(moves: list[tuple[float, int] | Trade], fold: CandleFold | None = None) -> dict[int, Candle]:
    """Return every candle that the moves leave; an offset is a move's place."""
    fold = fold or CandleFold(MINUTE_S)
    candles: dict[int, Candle] = {}
    for offset, move in enumerate(moves):
        changed = fold.trade(move) if isinstance(move, Trade) else fold.tick(move[0], move[1], offset)
        candles |= {candle.start_s: candle for candle in changed}
    return candles


def at(second: float) -> int:
    return T0 * NS_PER_S + int(second * NS_PER_S)


def trade(second: float, size: float = 5e9, usd: float = 50_000.0, side: str = "BUY", offset: int = 0) -> Trade:
    return Trade(side, usd, size, at(second), offset)  # type: ignore[arg-type]


def test_an_interval_without_a_tick_carries_the_price_and_says_so() -> None:
    candles = fold_of([(10.0, at(5)), (12.0, at(59)), (20.0, at(190))])

    assert sorted(candles) == [T0, T0 + 60, T0 + 120, T0 + 180]
    empty = candles[T0 + 60]
    assert (empty.open, empty.high, empty.low, empty.close) == (12.0, 12.0, 12.0, 12.0)
    assert (empty.carried, empty.trades, empty.price_samples, empty.first_offset) == (True, 0, 0, 1)


def test_all_but_the_newest_interval_are_final() -> None:
    candles = fold_of([(10.0, at(5)), (20.0, at(190))])

    assert [candles[start].final for start in sorted(candles)] == [True, True, True, False]


def test_each_interval_is_closed_exactly_once() -> None:
    fold, closed = CandleFold(MINUTE_S), []
    for second in range(0, 900, 7):
        closed += [c.start_s for c in fold.tick(float(second), at(second), second) if c.final]

    assert closed == [T0 + 60 * n for n in range(14)]


def test_a_candle_knows_its_first_and_last_sequence() -> None:
    candles = fold_of([(10.0, at(5)), trade(6, offset=1), (12.0, at(7)), (9.0, at(61))])

    assert [(c.first_offset, c.last_offset) for c in candles.values()] == [(0, 2), (3, 3)]


def test_a_trade_in_an_interval_without_a_tick_counts_and_the_price_stays_carried() -> None:
    candles = fold_of([(10.0, at(5)), trade(70, offset=1)])

    candle = candles[T0 + 60]
    assert (candle.trades, candle.carried, candle.close, candle.first_offset) == (1, True, 10.0, 1)


def test_volumes_are_those_of_the_trade_s_own_price() -> None:
    candles = fold_of([(10.0, at(5)), trade(6, 5e9, 50_000.0, "BUY"), trade(7, 1e9, 25_000.0, "SELL")])

    candle = candles[T0]
    assert (candle.usd_volume, candle.btc_volume) == (Decimal(60), Decimal("0.0014"))
    assert (candle.buy_volume, candle.sell_volume) == (Decimal("5e9"), Decimal("1e9"))


def test_a_late_tick_changes_its_own_interval_and_the_empty_ones_after_it() -> None:
    candles = fold_of([(10.0, at(5)), (20.0, at(190)), (15.0, at(58))])

    assert [candles[start].close for start in sorted(candles)] == [15.0, 15.0, 15.0, 20.0]
    assert candles[T0 + 60].carried


def test_an_event_older_than_remembered_is_named_for_a_recount() -> None:
    fold = CandleFold(MINUTE_S)
    fold_of([(10.0, at(0)), (11.0, at(60 * (CandleFold.REMEMBERED + 10))), (12.0, at(30))], fold)

    assert fold.late == {T0}


def test_candles_begin_with_the_oldest_tick_in_whatever_order_the_first_two_came() -> None:
    ordered = fold_of([(99.0, at(59)), (100.0, at(125))])
    swapped = fold_of([(100.0, at(125)), (99.0, at(59))])

    assert [without_offsets(candle) for _, candle in sorted(swapped.items())] == [
        without_offsets(candle) for _, candle in sorted(ordered.items())
    ]


def without_offsets(candle: Candle) -> Candle:
    return replace(candle, first_offset=None, last_offset=None)


def test_trades_before_the_first_tick_count_from_its_interval_on() -> None:
    candles = fold_of([trade(-1), trade(5, offset=1), trade(65, offset=2), (10.0, at(30)), (11.0, at(66))])

    assert {start: candle.trades for start, candle in candles.items()} == {T0: 1, T0 + 60: 1}
    assert (candles[T0].first_offset, candles[T0].last_offset) == (1, 3)
    assert candles[T0].usd_volume == Decimal(50)


def test_a_tick_far_before_the_beginning_is_in_no_candle() -> None:
    fold = CandleFold(MINUTE_S)
    candles = fold_of([(10.0, at(0)), (11.0, at(60)), (1.0, at(-60 * CandleFold.REMEMBERED))], fold)

    assert sorted(candles) == [T0, T0 + 60]
    assert fold.late == set()


def test_with_every_candle_remembered_nothing_is_late() -> None:
    fold = CandleFold(MINUTE_S, remembered=None)
    candles = fold_of([(10.0, at(0)), (11.0, at(60 * (CandleFold.REMEMBERED + 10))), (12.0, at(30))], fold)

    assert fold.late == set()
    assert candles[T0].close == candles[T0 + 60].close == 12.0


def test_a_clock_that_leaps_by_decades_makes_a_bounded_number_of_intervals() -> None:
    candles = fold_of([(10.0, 0), (11.0, at(0))])

    assert len(candles) <= GAP_INTERVALS_MAX + 3


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(1, 1e6)), min_size=1, max_size=30), st.randoms())
def test_events_shuffled_within_the_remembered_time_leave_the_same_candles(
    ticks: list[tuple[int, float]], shuffle: random.Random
) -> None:
    seconds = sorted(dict(ticks).items())
    moves = [(usd, at(second)) for second, usd in seconds]
    moves += [trade(second, usd * 1e6, usd) for second, usd in seconds]  # type: ignore[arg-type]
    first = (1.0, at(0))
    shuffled = list(moves)
    shuffle.shuffle(shuffled)

    ordered, mixed = fold_of([first, *moves]), fold_of([first, *shuffled])
    assert ordered.keys() == mixed.keys()
    for start, candle in ordered.items():
        other = mixed[start]
        other.first_offset, other.last_offset = candle.first_offset, candle.last_offset
        assert other == candle
