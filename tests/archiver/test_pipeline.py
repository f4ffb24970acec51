"""Two batches at once: what one of them does wrong, the other does not notice."""

from collections.abc import Callable

import pytest
from archiving import Archive, price, record
from generated_orders import order_event

from twilight.bus import Record

pytestmark = pytest.mark.servers


REFUSED = "REQ-REFUSED"


def ticks(first: int, count: int) -> list[Record]:
    """Return so many ticks, one a second."""
    return [price(n, 50_000.0 + n, f"2026-04-10T08:00:{n:02}.000000000+00:00") for n in range(first, first + count)]


def refused(offset: int) -> Record:
    """Return an order that can be read and folded, but that the database refuses when told to."""
    time = f"2026-04-10T08:00:{offset:02}.000000000+00:00"
    return record(offset, order_event("aaaaaaaa", "FILLED", "LONG", time=time, request_id=REFUSED))


def test_a_batch_refused_while_the_next_one_is_folded_costs_only_its_bad_record(
    archives: Callable[[], Archive],
) -> None:
    log = [*ticks(0, 5), refused(5), *ticks(6, 20)]
    side_by_side, at_once = archives(), archives()
    for archive in (side_by_side, at_once):
        archive.refuse(REFUSED)
    side_by_side.feed(log, 4)
    at_once.feed(log)

    assert side_by_side.dead() == at_once.dead() == [(5, "UNSTORABLE")]
    assert side_by_side.tables() == at_once.tables()
    assert side_by_side.one("SELECT price_samples FROM candles_1min") == 25
    assert side_by_side.one("SELECT count(*) FROM trade") == 0


def test_a_trade_of_the_batch_before_is_known_before_it_is_stored(archive: Archive) -> None:
    states = [
        order_event("aaaaaaaa", "FILLED", "LONG", time=f"2026-04-10T08:00:{second:02}.000000000+00:00")
        for second in range(10)
    ]
    archive.feed([*ticks(0, 1), *(record(n + 1, state) for n, state in enumerate(states))], 1)

    assert archive.one("SELECT count(*) FROM trader_order") == 10
    assert archive.one("SELECT count(*) FROM trade") == 1
    assert archive.one("SELECT trades FROM candles_1min") == 1
