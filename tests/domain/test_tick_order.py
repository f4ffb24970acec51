"""In which order one tick handles what it has reached: liquidations, closes, fills; and who comes first (5.2)."""

from tests.domain.exchange import LONG, SHORT, Exchange, answers, statuses

from twilight.domain.events import Event
from twilight.domain.inputs import UpdateRiskParamsCall


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


def test_a_fall_fires_close_limits_then_stop_losses_of_longs_then_take_profits_of_shorts() -> None:
    exchange = Exchange()
    for account, side in (("tp", SHORT), ("sl", LONG), ("limit", SHORT)):
        exchange.open(account, side)
    exchange.legs("tp", tp=64_000)
    exchange.legs("sl", sl=64_000)
    exchange.close("limit", limit=64_000)
    assert ends(exchange.tick(63_900)) == [
        ("limit", "SETTLED", "LIMIT"),
        ("sl", "SETTLED", "Stoploss"),
        ("tp", "SETTLED", "Takeprofit"),
    ]


def test_a_rise_fires_close_limits_then_stop_losses_of_shorts_then_take_profits_of_longs() -> None:
    exchange = Exchange()
    for account, side in (("tp", LONG), ("sl", SHORT), ("limit", LONG)):
        exchange.open(account, side)
    exchange.legs("tp", tp=66_000)
    exchange.legs("sl", sl=66_000)
    exchange.close("limit", limit=66_000)
    assert ends(exchange.tick(66_100)) == [
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
