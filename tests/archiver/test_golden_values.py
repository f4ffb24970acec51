"""The golden values of storage specification 6, computed by our tables."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from archiving import ZONES, Archive, price, record
from generated_orders import order_event

pytestmark = pytest.mark.servers

SAMPLE = [45, 46, 49, 31, 29, 99, 79, 200, 1, 23, 7, 4, 90, 84, 23, 109, 22, 32, 41, 87, 909]
START = datetime(2023, 4, 17, 0, 1, tzinfo=UTC)

_BINNED = """
SELECT date_bin(%s, start_time, 'epoch'), (array_agg(open ORDER BY start_time))[1], max(high), min(low),
       (array_agg(close ORDER BY start_time DESC))[1]
FROM candles_1min GROUP BY 1 ORDER BY 1
"""


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> str:
    """Return the time zone of the server: everything here is run in both."""
    return str(request.param)


def minute_prices() -> list[tuple[float, str]]:
    times = (START + timedelta(minutes=n) for n in range(len(SAMPLE)))
    return [(float(usd), f"{time:%Y-%m-%dT%H:%M:%S}+00:00") for usd, time in zip(SAMPLE, times, strict=True)]


def test_candles_of_the_price_sample_are_the_golden_ones(archive: Archive) -> None:
    archive.feed([price(n, usd, time) for n, (usd, time) in enumerate(minute_prices())])

    five = [tuple(map(int, row[1:])) for row in archive.rows(_BINNED, [timedelta(minutes=5)])]
    assert five == [(45, 49, 31, 31), (29, 200, 1, 1), (23, 90, 4, 84), (23, 109, 22, 41), (87, 909, 87, 909)]
    fifteen = [tuple(map(int, row[1:])) for row in archive.rows(_BINNED, [timedelta(minutes=15)])]
    assert fifteen == [(45, 200, 1, 84), (23, 909, 22, 909)]
    hour = archive.rows("SELECT open, high, low, close FROM candles_1hour")
    assert [tuple(map(int, row)) for row in hour] == [(45, 909, 1, 909)]


def test_a_share_price_of_10000_and_10002_a_day_later_is_a_yield_of_7_57_percent(archive: Archive) -> None:
    for day, price_of_share in ((1, 10_000), (2, 10_002)):
        row = (f"2026-01-0{day} 10:01+00", price_of_share, price_of_share, 1, 1, day)
        archive.rows("INSERT INTO lend_pool_price_minute VALUES (%s, %s, %s, %s, %s, %s) RETURNING bucket_ts", row)

    apy = archive.one(
        "SELECT power(now.share_price / earlier.share_price, 365) - 1 FROM lend_pool_price_minute now"
        " JOIN lend_pool_price_minute earlier ON earlier.bucket_ts = now.bucket_ts - interval '1 day'"
    )
    assert apy == Decimal("0.07572268515732648520")


A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"


def six_states() -> list[bytes]:
    """Return the six states of the golden data: three orders of three accounts."""
    return [
        order_event(A, "PENDING", "LONG", margin=10_000, leverage=10, size=5e9, time="2026-01-01T10:00:00+00:00"),
        order_event(A, "FILLED", "LONG", margin=10_000, leverage=10, size=5e9, time="2026-01-01T10:05:00+00:00"),
        order_event(B, "FILLED", "SHORT", margin=10_000, leverage=2, size=1.04e9, time="2026-01-01T10:06:00+00:00"),
        order_event(C, "FILLED", "LONG", margin=10_000, leverage=5, size=2.6e9, time="2026-01-02T08:00:00+00:00"),
        order_event(C, "LIQUIDATE", "LONG", margin=10_000, leverage=5, size=2.6e9, time="2026-01-02T09:00:00+00:00"),
        order_event(A, "SETTLED", "LONG", margin=10_000, leverage=10, size=5e9, time="2026-01-02T10:05:00+00:00"),
    ]


@pytest.fixture
def three_orders(archive: Archive) -> Archive:
    archive.feed([record(n, value) for n, value in enumerate(six_states())])
    assert archive.dead() == []
    return archive


def test_open_interest_counts_what_is_filled_now(three_orders: Archive) -> None:
    found = three_orders.rows(
        "SELECT position_type, sum(initial_margin * leverage), max(ts) FROM trader_order_current"
        " WHERE order_status = 'FILLED' GROUP BY 1"
    )
    assert [(side, int(exposure), ts.isoformat()) for side, exposure, ts in found] == [
        ("SHORT", 20_000, "2026-01-01T10:06:00+00:00")
    ]


def test_six_states_of_three_orders_are_five_trades(three_orders: Archive) -> None:
    found = three_orders.rows(
        "SELECT left(order_uuid::text, 1), trade_kind, side, qdb_side FROM trade ORDER BY src_offset"
    )
    assert found == [
        ("a", "OPEN", "LONG", 1),
        ("b", "OPEN", "SHORT", 0),
        ("c", "OPEN", "LONG", 1),
        ("c", "LIQUIDATION", "SHORT", 0),
        ("a", "CLOSE", "SHORT", 0),
    ]


_SUMMARY = """
SELECT order_status, count(*), sum(positionsize) FROM (
    SELECT DISTINCT ON (uuid) order_status, positionsize FROM trader_order
    WHERE account_id = ANY(%s) AND ts BETWEEN '2026-01-01' AND %s ORDER BY uuid, src_offset DESC) newest
GROUP BY 1 ORDER BY 1
"""


def test_account_summaries_are_the_golden_ones(three_orders: Archive) -> None:
    def summary(accounts: list[str], until: str) -> list[tuple[str, int, int]]:
        return [(status, count, int(size)) for status, count, size in three_orders.rows(_SUMMARY, [accounts, until])]

    wallet_1, wallet_2 = [f"account-{A}", f"account-{B}"], [f"account-{C}"]
    assert summary(wallet_1, "2026-01-05") == [("FILLED", 1, 1_040_000_000), ("SETTLED", 1, 5_000_000_000)]
    assert summary(wallet_2, "2026-01-05") == [("LIQUIDATE", 1, 2_600_000_000)]
    assert summary(wallet_1, "2026-01-02 00:00") == [("FILLED", 2, 6_040_000_000)]


def test_a_close_limit_of_a_filled_short_is_one_bid_level(three_orders: Archive) -> None:
    command = f'{{"AddCloseLimitPrice":["{B}-0000-4000-8000-000000000000",48000.0,"SHORT"]}}'
    value = f'{{"SortedSetDBUpdate":[{command},"2026-01-02T11:00:00+00:00"]}}'
    three_orders.feed([record(6, value.encode())])

    found = three_orders.rows("SELECT side, price_cents, sum(size) FROM order_book_entry GROUP BY 1, 2")
    assert [(side, cents, int(size)) for side, cents, size in found] == [("bid", 4_800_000, 1_040_000_000)]


def test_a_wallet_is_linked_once_however_often_it_comes(archive: Archive) -> None:
    value = order_event(A, "FILLED", "LONG", time="2026-01-01T10:00:00+00:00", wallet="twilight1abc")
    archive.feed([record(0, value), record(1, value)])

    found = archive.rows("SELECT twilight_address, account_address, src_offset FROM twilight_qq_account_link")
    assert found == [("twilight1abc", f"account-{A}", 0)]
