"""An hour decided over columns is the hour that the formulas give, order by order, and that its events give back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.exchange import LONG, SHORT, Exchange, kinds, slices_of

from twilight.domain.books.columns import scores, sum_of_accrued
from twilight.domain.books.snapshot import state_hash
from twilight.domain.books.state import Position, State
from twilight.domain.model import formulas as f
from twilight.domain.model.events import Event, TraderOrderFundingUpdate, TraderOrderLiquidation
from twilight.domain.model.inputs import UpdateFeesCall
from twilight.domain.model.numbers import score
from twilight.domain.model.orders import OrderType, Side, TraderOrder
from twilight.domain.model.profile import DEFAULT, REFERENCE, Profile

OPENS = st.lists(
    st.tuples(st.sampled_from([LONG, LONG, LONG, SHORT]), st.integers(1, 400_000), st.integers(1, 50), st.booleans()),
    min_size=1,
    max_size=40,
)


def filled(opens: list[tuple[Side, int, int, bool]], profile: Profile) -> Exchange:
    """Return an exchange with these positions, some of them from resting orders, some already closed again."""
    exchange = Exchange(profile, tlv=2**45, checked=False)
    for number, (side, margin, leverage, rests) in enumerate(opens):
        limit = None
        if rests:
            limit = 64_000 if side is LONG else 66_000
        exchange.open(f"T{number}", side, margin, leverage, limit)
    for price in (64_000, 66_000, 65_000):
        exchange.tick(price)
    for number in range(0, len(opens), 5):
        exchange.close(f"T{number}")
    return exchange


def expected(state: State, held: Position, profile: Profile) -> TraderOrder:
    """Return what the formulas of section 2 make of one position."""
    sums, order = state.exposure, held.order.copy()
    rate = f.funding_rate(float(sums.long_size), float(sums.short_size), float(sums.long_size + sums.short_size))
    pay = f.funding_payment(rate, order.position_size, state.price)
    change = -pay if order.side is LONG else pay
    if profile.first_funding_pays_only and not held.funded:
        change = min(change, 0.0)
    order.available_margin_sats = max(order.available_margin_sats + change, 0.0)
    market = order.order_type is OrderType.MARKET
    order.maintenance_margin_sats = f.maintenance_margin(
        f.entry_value(order.initial_margin_sats, order.leverage),
        order.bankruptcy_value_sats,
        state.fees.filled_on_market if market else state.fees.filled_on_limit,
        rate,
        state.params.mm_ratio,
    )
    order.liquidation_price = f.liquidation_price(
        order.entry_price,
        order.position_size,
        order.maintenance_margin_sats,
        order.initial_margin_sats,
        order.side,
    )
    return order


@settings(max_examples=60)
@given(
    OPENS,
    st.sampled_from([DEFAULT, REFERENCE]),
    st.integers(1, 4),
    st.sampled_from([0.04, 3.0, 10.0]),
    st.sampled_from([3, 1_000]),
)
def test_every_position_is_charged_as_the_formulas_say(
    opens: list[tuple[Side, int, int, bool]], profile: Profile, hours: int, fee: float, size: int
) -> None:
    exchange = filled(opens, profile)
    exchange.admin(UpdateFeesCall(fee, fee / 2, fee, fee))
    for _ in range(hours):
        exchange.state.sync()
        before = {
            uuid: expected(exchange.state, held, profile)
            for uuid, held in exchange.state.positions.items()
            if held.order.fee_filled_sats
        }
        with slices_of(size):
            made = exchange.fund()
        charged = [event.order for event in made if isinstance(event, TraderOrderFundingUpdate)]
        ended = {event.order.uuid for event in made if isinstance(event, TraderOrderLiquidation)}
        assert {order.uuid for order in charged} | ended == set(before)
        for order in charged:
            exact = before[order.uuid]
            exact.timestamp = order.timestamp
            assert order == exact
            book = exchange.state.ledger(order.side)
            found = book.score(order.uuid)
            assert found == (score(order.liquidation_price) if order.liquidation_price else None)
        for uuid in ended:
            assert before[uuid].available_margin_sats <= before[uuid].maintenance_margin_sats
    exchange.assert_recoverable()


@settings(max_examples=60)
@given(OPENS, st.sampled_from([DEFAULT, REFERENCE]), st.integers(1, 3), st.integers(1, 12))
def test_an_hour_in_slices_leaves_what_an_hour_in_one_piece_does(
    opens: list[tuple[Side, int, int, bool]], profile: Profile, hours: int, size: int
) -> None:
    whole, sliced = filled(opens, profile), filled(opens, profile)
    for _ in range(hours):
        for exchange in (whole, sliced):
            exchange.admin(UpdateFeesCall(10.0, 10.0, 0.04, 0.02))
        in_one_piece = whole.fund()
        with slices_of(size):
            in_slices = sliced.fund()
        assert sorted(charged_in(in_slices)) == sorted(charged_in(in_one_piece))
        assert state_hash(sliced.state) == state_hash(whole.state)
    for price in (20_000, 200_000):
        assert kinds(sliced.tick(price)) == kinds(whole.tick(price))
    assert state_hash(sliced.state) == state_hash(whole.state)
    sliced.assert_recoverable()


def charged_in(made: list[Event]) -> list[tuple[object, ...]]:
    """Return the figures of every funding record."""
    orders = [event.order for event in made if isinstance(event, TraderOrderFundingUpdate)]
    return [
        (o.uuid, o.available_margin_sats, o.maintenance_margin_sats, o.liquidation_price, o.timestamp) for o in orders
    ]


def test_the_sum_of_what_is_accrued_is_exact_at_halves_and_beyond_doubles() -> None:
    margin = np.array([10.0, 10.0, 10.0, 1e15] * 4_000)
    available = np.array([12.5, 7.5, 10.49, 0.0] * 4_000)
    expected = 4_000 * (3 - 3 + 0 - 10**15)
    assert sum_of_accrued(available, margin, np.empty((2, len(margin)))) == expected
    assert sum_of_accrued(available[:0], margin[:0], np.empty((2, 0))) == 0


@given(st.lists(st.tuples(st.floats(-(2.0**60), 2.0**60), st.integers(0, 2**50)), min_size=1))
def test_what_is_accrued_over_columns_is_what_is_accrued_one_by_one(rows: list[tuple[float, int]]) -> None:
    rows += [(half, 0) for half in (0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 2.0**51 + 0.5, 2.0**52 + 1)]
    available, margin = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    for chosen in (np.isfinite(available), available >= margin, available <= margin):
        expected = sum(f.accrued(left, given) for left, given in zip(available[chosen], margin[chosen], strict=True))
        assert sum_of_accrued(available[chosen], margin[chosen], np.empty((2, chosen.sum()))) == expected


def test_a_price_has_its_score_whatever_prices_stand_beside_it() -> None:
    prices = [65_000.12345, 5e14, 9e14, 922_337_203_685_477.5, 1e18]
    assert scores(np.array(prices)).tolist() == [score(price) for price in prices]
    assert scores(np.array(prices[:3])).tolist() == [score(price) for price in prices[:3]]
