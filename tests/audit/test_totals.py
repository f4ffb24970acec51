from collections.abc import Callable, Sequence

import msgspec
import pytest
from tests.audit.story import log_records

from twilight.audit.finding import Finding
from twilight.audit.totals import Totals
from twilight.bus import Record
from twilight.core.durability.recovery import fold
from twilight.domain.engine import new_engine
from twilight.wire.events import Event, PositionSizeLogDBUpdateEvent, RiskEngineUpdateEvent, decode_event

Change = Callable[[Event], Event]


def closed(log: Sequence[Record], change: Change = lambda event: event) -> Finding:
    """Return what is found in a log whose events are changed on their way."""
    totals, engine = Totals(), new_engine(str)
    for record in log:
        fold(engine, record.offset, record.key, record.value, record.timestamp_ms)
        totals.take(record.offset, change(decode_event(record.value, record.timestamp_ms)), engine.state)
    return totals.close(engine.state)


def test_the_totals_of_a_day_are_those_of_its_orders() -> None:
    found = closed(log_records())

    assert found.holds
    assert found.figures == {
        "announcements": 8,
        "sizes_short_long": "66000000000/0",
        "exposure_long_short_sats": "0/1000000",
    }


@pytest.mark.parametrize("kind", [PositionSizeLogDBUpdateEvent, RiskEngineUpdateEvent])
def test_any_announcement_that_is_missing_is_seen(kind: type[Event]) -> None:
    log = log_records()
    announced = [record for record in log if isinstance(decode_event(record.value, record.timestamp_ms), kind)]
    assert announced

    for gone in announced:
        assert not closed([record for record in log if record is not gone]).holds


def test_a_total_that_is_off_by_one_is_named() -> None:
    def one_more(event: Event) -> Event:
        if not isinstance(event, PositionSizeLogDBUpdateEvent):
            return event
        totals = msgspec.structs.replace(event.totals, total_long_positionsize=event.totals.total_long_positionsize + 1)
        return msgspec.structs.replace(event, totals=totals)

    assert "AddPositionSize announces long" in closed(log_records(), one_more).faults[0]


def test_a_switch_that_is_announced_but_not_set_is_named() -> None:
    def halted(event: Event) -> Event:
        if not isinstance(event, RiskEngineUpdateEvent):
            return event
        return msgspec.structs.replace(event, state=msgspec.structs.replace(event.state, manual_halt=True))

    assert "manual_halt is announced as True" in closed(log_records(), halted).faults[0]
