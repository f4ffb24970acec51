import msgspec
from tests.audit.story import events, log_records

from twilight.audit.books import Books
from twilight.audit.finding import Finding
from twilight.wire.events import Event, TraderOrderEvent


def closed(log: list[Event]) -> Finding:
    books = Books()
    for event in log:
        books.take(event)
    return books.close()


def test_a_day_of_trading_balances_to_the_sat_with_every_figure_shown() -> None:
    found = closed(events(log_records()))

    assert found.holds
    assert found.figures == {
        "genesis_sats": "200000000",
        "deposits_sats": "1000000",
        "margins_in_sats": "200000",
        "withdrawals_sats": "0",
        "payouts_sats": "121765",
        "pool_sats": "200978235",
        "margins_held_sats": "100000",
        "difference_sats": "0",
    }


def test_one_sat_too_much_paid_out_is_found() -> None:
    log = [paid_one_sat_more(event) for event in events(log_records())]

    found = closed(log)

    assert not found.holds
    assert found.figures["difference_sats"] == "-1"


def paid_one_sat_more(event: Event) -> Event:
    if not isinstance(event, TraderOrderEvent) or event.order.order_status != "SETTLED":
        return event
    order = msgspec.structs.replace(event.order, available_margin=event.order.available_margin + 1)
    return msgspec.structs.replace(event, order=order)
