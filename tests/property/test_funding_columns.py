"""An hour decided over columns is the hour that the formulas give, order by order, and that its events give back."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.exchange import LONG, SHORT, Exchange

from twilight.domain import formulas as f
from twilight.domain.engine import apply_decision, decisions
from twilight.domain.events import Event, TraderOrderFundingUpdate, TraderOrderLiquidation
from twilight.domain.evolve import evolve
from twilight.domain.funding import Charged
from twilight.domain.inputs import Conditions, FeedStatus, FundingHour, UpdateFeesCall
from twilight.domain.numbers import score
from twilight.domain.orders import OrderType, Side, TraderOrder
from twilight.domain.profile import DEFAULT, REFERENCE, Profile
from twilight.domain.snapshot import state_hash
from twilight.domain.state import Position, State

HOUR_NS = 3600 * 10**9
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


def hour_of(exchange: Exchange) -> tuple[FundingHour, Conditions]:
    exchange.now_ns += HOUR_NS
    return FundingHour(exchange.now_ns // HOUR_NS), Conditions(exchange.now_ns, FeedStatus.HEALTHY)


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
@given(OPENS, st.sampled_from([DEFAULT, REFERENCE]), st.integers(1, 4), st.sampled_from([0.04, 3.0, 10.0]))
def test_every_position_is_charged_as_the_formulas_say(
    opens: list[tuple[Side, int, int, bool]], profile: Profile, hours: int, fee: float
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


@settings(max_examples=40)
@given(OPENS, st.integers(1, 3))
def test_applying_an_hour_at_once_equals_evolving_each_of_its_events(
    opens: list[tuple[Side, int, int, bool]], hours: int
) -> None:
    exchange = filled(opens, DEFAULT)
    exchange.admin(UpdateFeesCall(10.0, 10.0, 0.04, 0.02))
    one_by_one = exchange.state.copy()
    for _ in range(hours):
        hour, conditions = hour_of(exchange)
        for decision in decisions(exchange.state, hour, conditions, exchange.engine.context):
            for event in list(decision):
                evolve(one_by_one, event)
            apply_decision(exchange.state, decision)
        assert state_hash(one_by_one) == state_hash(exchange.state)
    exchange.tick(20_000)
    exchange.tick(200_000)


def test_an_hours_events_can_be_read_later_and_in_pieces() -> None:
    exchange = Exchange()
    for number in range(30):
        exchange.open(f"T{number}", LONG if number % 3 else SHORT, 10_000 + number, 10)
    hour, conditions = hour_of(exchange)
    made: list[Charged] = []
    for decision in decisions(exchange.state, hour, conditions, exchange.engine.context):
        apply_decision(exchange.state, decision)
        if isinstance(decision, Charged):
            made.append(decision)
    (charged,) = made
    for number in range(0, 30, 2):
        exchange.close(f"T{number}")
    exchange.fund()
    pieces: list[Event] = [event for start in range(0, 30, 7) for event in charged[start : start + 7]]
    assert len(charged) == 30
    assert pieces == list(charged)
    assert charged[-1] == pieces[-1]
    sequences = [event.order.entry_sequence for event in pieces if isinstance(event, TraderOrderFundingUpdate)]
    assert sequences == list(range(1, 31))
