"""A large hour, its records in slices: readers, recovery and whoever leads next see one hour, wherever it is cut."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.domain.exchange import LONG, SHORT, Exchange, slices_of

from twilight.domain.books.snapshot import dump, load, state_hash
from twilight.domain.books.state import State
from twilight.domain.engine import Engine
from twilight.domain.model.chain import Attached, LenientPayloads, Refusal, Refused
from twilight.domain.model.errors import Corrupt
from twilight.domain.model.events import (
    Event,
    FundingRateUpdate,
    IntentOpened,
    TraderOrderEvent,
    TraderOrderFundingUpdate,
    TraderOrderLiquidation,
)
from twilight.domain.model.inputs import ChainAnswer, Conditions, FundingSlice, UpdateFeesCall
from twilight.domain.model.orders import OrderStatus, TraderOrder

POSITIONS, SLICE = 17, 3
BETWEEN = st.lists(
    st.one_of(
        st.tuples(st.just("close"), st.integers(0, POSITIONS - 1)),
        st.tuples(st.just("limit"), st.integers(0, POSITIONS - 1)),
        st.tuples(st.just("open"), st.integers(100, 103)),
        st.tuples(st.just("tick"), st.integers(58_000, 75_000)),
        st.tuples(st.just("fees"), st.integers(1, 5)),
        st.tuples(st.just("hour"), st.just(0)),
        st.tuples(st.just("slice"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=14,
)


def crowd(chain: bool = False) -> Exchange:  # noqa: FBT001, FBT002  # a test's word
    """Return an exchange with more positions than a slice, some of which the next hour uses up."""
    exchange = Exchange(tlv=2**45, chain=Attached(LenientPayloads()) if chain else None)
    for number in range(POSITIONS):
        side = SHORT if number % 5 == 0 else LONG
        made = exchange.open(f"T{number}", side, 10_000 + number, 10 if number % 4 else 50)
        for intent in [event.intent for event in made if isinstance(event, IntentOpened)]:
            exchange.answer(intent)
    exchange.admin(UpdateFeesCall(2.0, 2.0, 0.04, 0.02))
    return exchange


def do(exchange: Exchange, what: str, number: int) -> None:
    """Let one thing happen while an hour is open."""
    if what == "close":
        exchange.close(f"T{number}")
    elif what == "limit":
        exchange.close(f"T{number}", limit=90_000)
    elif what == "open":
        exchange.open(f"T{number}", LONG, 5_000)
    elif what == "tick":
        exchange.tick(number)
    elif what == "fees":
        exchange.admin(UpdateFeesCall(number / 100, number / 100, 0.04, 0.02))
    elif what == "hour":
        exchange.fund_without_slices()
    elif what == "slice":
        exchange.next_slice()
    else:
        exchange.engine.state = load(dump(exchange.state))


@dataclass
class Reader:
    """Someone who knows no rule of the exchange and keeps the newest record of every order."""

    live: dict[str, TraderOrder] = field(default_factory=dict)
    charged: dict[tuple[str, str], int] = field(default_factory=dict)
    closed_hours: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        hour = (event.metadata or {}).get("funding_hour", "")
        if isinstance(event, TraderOrderFundingUpdate):
            uuid = event.order.uuid
            if uuid not in self.live:
                self.faults.append(f"{uuid} is charged and does not live")
            if hour in self.closed_hours:
                self.faults.append(f"{uuid} is charged for hour {hour}, which is closed")
            if (uuid, hour) in self.charged:
                self.faults.append(f"{uuid} is charged twice for hour {hour}")
            self.charged[uuid, hour] = 1
            self.live[uuid] = event.order
        elif isinstance(event, FundingRateUpdate) and hour:
            self.closed_hours.append(hour)
        elif isinstance(event, TraderOrderLiquidation):
            del self.live[event.order.uuid]
        elif isinstance(event, TraderOrderEvent):
            if event.order.status is OrderStatus.FILLED:
                self.live[event.order.uuid] = event.order
            else:
                del self.live[event.order.uuid]


def margins(order: TraderOrder) -> tuple[float, float, float]:
    return order.available_margin_sats, order.maintenance_margin_sats, order.liquidation_price


def refolded(exchange: Exchange, count: int) -> State:
    return exchange.refold(exchange.events[:count])


@settings(max_examples=120)
@given(BETWEEN)
def test_whatever_happens_between_slices_a_reader_sees_every_order_charged_once_and_in_its_order(
    between: list[tuple[str, int]],
) -> None:
    with slices_of(SLICE):
        exchange = crowd()
        charged_by_now = set(exchange.state.positions)
        hour = exchange.fund_without_slices()
        charged_by_now -= {event.order.uuid for event in hour if isinstance(event, TraderOrderLiquidation)}
        number = hour[0].metadata["funding_hour"] if hour[0].metadata else ""
        for what, which in between:
            do(exchange, what, which)
            assert state_hash(exchange.refold()) == state_hash(exchange.state)
        while exchange.state.open_hour is not None:
            exchange.next_slice()
    reader = Reader()
    for event in exchange.events:
        reader.take(event)
    assert reader.faults == []
    assert {uuid for uuid, charged_for in reader.charged if charged_for == number} == charged_by_now
    exchange.state.sync()
    assert {uuid: margins(held.order) for uuid, held in exchange.state.positions.items()} == {
        uuid: margins(order) for uuid, order in reader.live.items()
    }
    exchange.assert_recoverable()


def test_a_leader_that_dies_after_any_slice_is_followed_by_one_that_goes_on_with_the_hour() -> None:
    with slices_of(SLICE):
        exchange, ends = crowd(), list[int]()
        exchange.fund_without_slices()
        ends.append(len(exchange.events))
        while exchange.state.open_hour is not None:
            exchange.next_slice()
            ends.append(len(exchange.events))
        assert len(ends) > 3
        for end in ends:
            folded = refolded(exchange, end)
            for found in (folded, load(dump(folded))):
                successor = Engine(found, exchange.engine.context)
                made = exchange.events[:end]
                while successor.state.open_hour is not None:
                    made += successor.apply(FundingSlice(), Conditions(exchange.now_ns, exchange.status))
                assert made == exchange.events
                assert state_hash(successor.state) == state_hash(exchange.state)


def test_an_hour_is_charged_as_soon_as_it_opens() -> None:
    with slices_of(SLICE):
        exchange = crowd()
        margin = exchange.order("T14").available_margin_sats
        exchange.fund_without_slices()
        hour = exchange.state.funding_hour
        assert hour is not None
        closed = exchange.close("T14")
        record, settled = closed[0], next(event for event in closed if isinstance(event, TraderOrderEvent))
        assert isinstance(record, TraderOrderFundingUpdate)
        assert record.order.uuid == settled.order.uuid
        assert record.order.available_margin_sats < margin
        assert exchange.fund_without_slices(hour) == []
        assert exchange.fund_without_slices(hour + 1) == []


def test_who_opens_after_an_hour_has_opened_is_not_charged_for_it() -> None:
    with slices_of(SLICE):
        exchange = crowd()
        made = exchange.fund_without_slices()
        exchange.open("late", LONG, 5_000)
        while exchange.state.open_hour is not None:
            made += exchange.next_slice()
    assert isinstance(made[-1], FundingRateUpdate)
    late = exchange.uuid("late")
    assert late not in [event.order.uuid for event in made if isinstance(event, TraderOrderFundingUpdate)]
    assert (made[0].metadata or {})["funding_index"] == (made[-1].metadata or {})["funding_index"]


def test_who_takes_the_place_of_one_who_has_left_is_not_charged_for_the_hour_that_the_other_was() -> None:
    with slices_of(SLICE):
        exchange = crowd()
        leaver = exchange.uuid("T14")
        made = exchange.fund_without_slices()
        made += exchange.next_slice()
        made += exchange.close("T14")
        exchange.open("late", LONG, 5_000)
        while exchange.state.open_hour is not None:
            made += exchange.next_slice()
    charged = [event.order.uuid for event in made if isinstance(event, TraderOrderFundingUpdate)]
    assert charged.count(leaver) == 1
    assert exchange.uuid("late") not in charged


def test_a_tick_between_slices_liquidates_by_the_charged_price_after_the_record_that_says_it() -> None:
    with slices_of(1):
        exchange = Exchange(tlv=2**45)
        for number in range(4):
            exchange.open(f"T{number}", LONG, 10_000, 10)
        exchange.admin(UpdateFeesCall(2.0, 2.0, 0.04, 0.02))
        before = exchange.order("T3").liquidation_price
        exchange.fund_without_slices()
        position = exchange.state.position(exchange.uuid("T3"))
        assert position is not None
        assert position.order.liquidation_price > before + 1
        made = exchange.tick(int(before) + 1)
    kinds = [event.kind for event in made]
    first_record = kinds.index("TraderOrderFundingUpdate")
    assert kinds[:first_record] == ["CurrentPriceUpdate"]
    assert kinds.index("SortedSetDBUpdate") > first_record
    assert kinds.count("TraderOrderLiquidation") == 4


def test_with_a_chain_what_is_in_flight_is_left_out_and_the_log_says_so() -> None:
    with slices_of(SLICE):
        exchange = crowd(chain=True)
        (closing,) = [event.intent for event in exchange.close("T1") if isinstance(event, IntentOpened)]
        made = exchange.fund_without_slices()
        while exchange.state.open_hour is not None:
            made += exchange.next_slice()
        charged = [event.order.uuid for event in made if isinstance(event, TraderOrderFundingUpdate)]
        assert closing.uuid not in charged
        exchange.assert_recoverable()
        ending = [event.intent for event in made if isinstance(event, IntentOpened)]
        for intent in ending:
            before = len(exchange.events)
            exchange.give(ChainAnswer(intent.uuid, intent.id, _refused()))
            again = exchange.events[before:]
            assert not any(isinstance(event, TraderOrderFundingUpdate) for event in again)
        exchange.answer(closing)
        exchange.assert_recoverable()


def _refused() -> Refused:
    return Refused(Refusal.REJECTED, "no")


def test_an_hour_that_uses_everybody_up_has_no_slices() -> None:
    with slices_of(SLICE):
        exchange = Exchange(tlv=2**45)
        for number in range(6):
            exchange.open(f"T{number}", LONG, 10_000, 50)
        exchange.admin(UpdateFeesCall(10.0, 10.0, 0.04, 0.02))
        made = exchange.fund_without_slices()
    assert exchange.state.open_hour is None
    assert sum(isinstance(event, TraderOrderLiquidation) for event in made) == 6
    assert isinstance(made[-1], FundingRateUpdate)


def test_an_hour_that_was_closed_too_early_cannot_be_folded() -> None:
    with slices_of(SLICE):
        exchange = crowd()
        made = exchange.fund()
    opening = exchange.events[: -len(made) + 1]
    with pytest.raises(Corrupt, match="before all of its records"):
        exchange.refold([*opening, made[-1]])


def test_an_empty_slice_says_nothing() -> None:
    exchange = crowd()
    assert exchange.give(FundingSlice()) == []
