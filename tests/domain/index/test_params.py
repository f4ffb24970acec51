from dataclasses import replace

import pytest

from twilight.domain.index.params import IndexConfigError, IndexParams, SourceParams, checked

USD_SOURCES = [SourceParams(name) for name in ("a", "b", "c", "d")]
RATES = {"USDT": ["a", "b"]}


def refusal(params: IndexParams, sources: list[SourceParams], rates: dict[str, list[str]] = RATES) -> list[str]:
    with pytest.raises(IndexConfigError) as caught:
        checked(params, sources, rates)
    return str(caught.value).splitlines()


def test_sources_are_ordered_by_name_and_take_the_common_limits_unless_they_have_their_own() -> None:
    config = checked(IndexParams(), [SourceParams("z", quote_stale_ms=15_000), *USD_SOURCES], RATES)
    assert [source.name for source in config.sources] == ["a", "b", "c", "d", "z"]
    assert [source.quote_stale_ms for source in config.sources] == [5_000] * 4 + [15_000]


def test_too_few_sources_and_too_few_usd_sources_are_both_told() -> None:
    assert refusal(IndexParams(), [SourceParams("a"), SourceParams("b", "USDT")]) == [
        "at least n_healthy = 4 sources are needed, found 2",
        "at least usd_healthy = 2 USD sources are needed, found 1",
    ]


def test_two_sources_of_one_name_are_refused() -> None:
    assert refusal(IndexParams(), [*USD_SOURCES, SourceParams("a")]) == ["source names must differ, a stands 2 times"]


def test_a_source_without_enough_rate_sources_is_refused() -> None:
    assert refusal(IndexParams(), [*USD_SOURCES, SourceParams("e", "USDT")], {"USDT": ["a"]}) == [
        "e quotes USDT: conv_min = 2 rates needed, found 1"
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"band_min_bps": 60}, "band_min_bps must not exceed band_max_bps, were 60 and 50"),
        ({"rej_min_bps": 301}, "rej_min_bps must not exceed rej_max_bps, were 301 and 300"),
        ({"n_min": 5}, "n_min must not exceed n_healthy, were 5 and 4"),
        ({"usd_min": 3}, "usd_min must not exceed usd_healthy, were 3 and 2"),
        ({"tick_ms": 0}, "tick_ms must be at least 1, was 0"),
        ({"halt_ms": -1}, "halt_ms must be a whole number of at least 0, was -1"),
        ({"group_cap_bps": 10_000}, "group_cap_bps must be below 10000, was 10000"),
        ({"mode": "mood"}, "mode must be mean or median, was 'mood'"),
    ],
)
def test_values_out_of_range_and_reversed_bounds_are_refused(change: dict[str, object], reason: str) -> None:
    assert refusal(replace(IndexParams(), **change), USD_SOURCES) == [reason]  # type: ignore[arg-type] - any field


def test_a_weight_of_nothing_is_refused() -> None:
    assert refusal(IndexParams(), [*USD_SOURCES, SourceParams("e", weight=0)]) == [
        "the weight of e must be at least 1, was 0"
    ]
