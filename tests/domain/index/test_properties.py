from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.index.market import BASE_CENTS, Market, base_quote, moved

from twilight.domain.index.model import START, Inputs, Quote
from twilight.domain.index.params import IndexParams, SourceParams, resolve
from twilight.domain.index.step import step

VENUES = tuple(BASE_CENTS)
CONFIG = resolve(IndexParams(), [SourceParams(name) for name in VENUES])
CENTER_E8 = 6_182_257_000_000

ages = st.integers(0, 6_000)
anything = st.one_of(
    st.none(),
    st.builds(
        Quote,
        st.sampled_from(["USD", "USDT"]),
        st.integers(-10, 2 * CENTER_E8),
        st.integers(-10, 2 * CENTER_E8),
        ages,
        ages,
    ),
)
near = st.integers(-80, 80).map(lambda cbps: CENTER_E8 * (1_000_000 + cbps) // 1_000_000)
markets = st.fixed_dictionaries(dict.fromkeys(VENUES, anything))
honest = st.fixed_dictionaries(dict.fromkeys(VENUES, near))


def usd(price: int) -> Quote:
    return Quote("USD", price - 1_000_000, price + 1_000_000, 0, 0)


def raw_of(quotes: dict[str, Quote | None]) -> int | None:
    return step(CONFIG, START, Inputs(0, quotes, {})).raw


@given(markets, st.permutations(VENUES))
def test_the_order_of_the_venues_does_not_matter(quotes: dict[str, Quote | None], order: list[str]) -> None:
    shuffled = {name: quotes[name] for name in order}
    config = resolve(IndexParams(), [SourceParams(name) for name in order])
    assert step(config, START, Inputs(0, shuffled, {})) == step(CONFIG, START, Inputs(0, quotes, {}))


@given(honest, st.integers(2, 50))
def test_scaling_all_prices_scales_the_result(prices: dict[str, int], factor: int) -> None:
    raw = raw_of({name: usd(price) for name, price in prices.items()})
    scaled = raw_of(
        {name: Quote("USD", (price - 10**6) * factor, (price + 10**6) * factor, 0, 0) for name, price in prices.items()}
    )
    assert raw is not None
    assert scaled is not None
    assert abs(scaled - raw * factor) <= 2 * factor


@given(honest, st.sampled_from(VENUES), st.integers(-90, 90), st.integers(0, 90))
def test_the_index_never_falls_when_one_price_rises_inside_the_rejection_limit(
    prices: dict[str, int], name: str, start_bps: int, rise_bps: int
) -> None:
    def with_offset(bps: int) -> int:
        quotes: dict[str, Quote | None] = {venue: usd(price) for venue, price in prices.items()}
        quotes[name] = usd(CENTER_E8 * (10_000 + bps) // 10_000)
        raw = raw_of(quotes)
        assert raw is not None
        return raw

    assert with_offset(start_bps) <= with_offset(min(90, start_bps + rise_bps))


@given(st.sampled_from(VENUES), st.integers(-9_999, 100_000))
def test_one_lying_venue_moves_the_index_at_most_by_the_documented_bound(name: str, bps: int) -> None:
    market = Market()
    market.quotes[name] = moved(base_quote(name), bps)
    raw = market.tick().raw
    assert raw is not None
    assert abs(raw - 6_182_256_956_850) * 10_000 <= 1.45 * 6_182_256_956_850


@settings(max_examples=60)
@given(st.lists(st.tuples(markets, st.integers(1, 40_000)), min_size=1, max_size=12))
def test_whatever_comes_the_published_price_steps_at_most_as_allowed(
    ticks: list[tuple[dict[str, Quote | None], int]],
) -> None:
    state, t_ms = START, 0
    for quotes, after_ms in ticks:
        t_ms += after_ms
        before = state.market
        outcome = step(CONFIG, state, Inputs(t_ms, quotes, {}))
        state = outcome.state
        accepted = state.market.last is not before.last
        assert accepted == (outcome.status in {"HEALTHY", "DEGRADED"})
        if accepted and before.last is not None and not before.halted and outcome.price is not None:
            ticks_missed = max(1, min(20, (t_ms - before.last.t_ms) // 250))
            allowed = before.last.price * 50 * ticks_missed // 10_000 + 500_000
            assert abs(outcome.price - before.last.price) <= allowed
