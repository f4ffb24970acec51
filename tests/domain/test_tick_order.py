"""In which order one tick handles what it has reached: liquidations, closes, fills; and who comes first (5.2)."""

import pytest
from tests.domain.exchange import LONG, SHORT, Exchange, answers, statuses

from twilight.domain.model.events import Event
from twilight.domain.model.inputs import UpdateRiskParamsCall
from twilight.domain.model.orders import Side


def ends(made: list[Event]) -> list[tuple[str, str, str]]:
    """Return account, status and kind of what the tick did, without the records of dropped triggers."""
    told = [data for data in answers(made) if not data.status.value.startswith("Cancelled")]
    return [(data.account_id, data.status.value, data.order_type.value) for data in told]


def test_a_tick_liquidates_then_closes_then_fills() -> None:
    exchange = Exchange()
    exchange.open("rests", LONG, limit=60_000)
    exchange.open("wins", SHORT)
    exchange.legs("wins", tp=60_000)
    exchange.open("falls", LONG)
    assert [end[:2] for end in ends(exchange.tick(59_000))] == [
        ("falls", "LIQUIDATE"),
        ("wins", "SETTLED"),
        ("rests", "FILLED"),
    ]


@pytest.mark.parametrize(
    ("wins_by_it", "loses_by_it", "trigger", "price"),
    [(SHORT, LONG, 64_000, 63_900), (LONG, SHORT, 66_000, 66_100)],
    ids=["a fall", "a rise"],
)
def test_a_move_fires_close_limits_then_stop_losses_of_one_side_then_take_profits_of_the_other(
    wins_by_it: Side, loses_by_it: Side, trigger: int, price: int
) -> None:
    exchange = Exchange()
    for account, side in (("tp", wins_by_it), ("sl", loses_by_it), ("limit", wins_by_it)):
        exchange.open(account, side)
    exchange.legs("tp", tp=trigger)
    exchange.legs("sl", sl=trigger)
    exchange.close("limit", limit=trigger)
    assert ends(exchange.tick(price)) == [
        ("limit", "SETTLED", "LIMIT"),
        ("sl", "SETTLED", "Stoploss"),
        ("tp", "SETTLED", "Takeprofit"),
    ]


def test_resting_shorts_fill_before_resting_longs() -> None:  # R20
    exchange = Exchange()
    exchange.open("short", SHORT, limit=66_000)
    exchange.admin(UpdateRiskParamsCall(max_net_mult=0.0005))
    assert statuses(exchange.tick(66_500)) == []
    exchange.admin(UpdateRiskParamsCall(max_net_mult=0.8))
    exchange.open("long", LONG, limit=66_400)
    assert [end[:2] for end in ends(exchange.tick(66_300))] == [("short", "FILLED"), ("long", "FILLED")]
