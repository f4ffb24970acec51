import json
from datetime import UTC, datetime, timedelta

import pytest
from books import NOW, Books

from twilight.api.errors import RpcError
from twilight.api.methods.risk import Exposure, RiskParams, estimated_rate

pytestmark = pytest.mark.servers

DAY = timedelta(days=1)
PARAMS = RiskParams(4.0, 0.8, 0.02, 0.0, 50.0, 0.4)


def share_price(books: Books, ago: timedelta, price: str) -> None:
    bucket = (NOW - ago).replace(second=0, microsecond=0)
    sums = {"total_locked_value": 1, "total_pool_share": 1, "samples": 1, "last_src_offset": 1}
    books.insert("lend_pool_price_minute", bucket_ts=bucket, share_price=price, **sums)


def test_the_pool_is_its_newest_state(books: Books) -> None:
    books.pool(3, locked="1")
    books.pool(8)
    assert books.call("lend_pool_info") == {
        "id": 8,
        "sequence": 100,
        "nonce": 50,
        "total_pool_share": "1000000",
        "total_locked_value": "1025300",
        "pending_orders": 2,
        "aggregate_log_sequence": 150,
        "last_snapshot_id": 45,
    }
    assert books.call("pool_share_value") == 1.0253


def test_a_pool_without_shares_has_no_share_value(books: Books) -> None:
    books.pool(1, shares="0")
    with pytest.raises(RpcError, match="Pool share is zero"):
        books.call("pool_share_value")


def test_the_yield_of_a_day_is_a_number(books: Books) -> None:
    share_price(books, DAY + timedelta(hours=1), "10000")
    share_price(books, timedelta(hours=1), "10002")
    assert books.call("last_day_apy") == pytest.approx(0.07572268515732648, rel=1e-14)


@pytest.mark.parametrize("prices", [[], [(timedelta(hours=1), "10002")], [(DAY * 2, "0"), (timedelta(0), "5")]])
def test_a_yield_that_is_not_known_is_null(books: Books, prices: list[tuple[timedelta, str]]) -> None:
    for ago, price in prices:
        share_price(books, ago, price)
    assert books.call("last_day_apy") is None


def test_the_yield_over_time_compares_each_point_with_one_a_lookback_before(books: Books) -> None:
    share_price(books, DAY * 2, "10000")
    share_price(books, timedelta(hours=4, minutes=30), "10002")
    chart = books.call("apy_chart", b'{"range":" 24H ","step":"1 hour"}')
    assert [point["apy"] for point in chart] == ["0"] * 20 + ["0.075723"] * 5
    assert chart[0]["bucket_ts"] < chart[-1]["bucket_ts"]


@pytest.mark.parametrize(
    ("method", "members", "text", "reason"),
    [
        ("apy_chart", {"range": "3d"}, "Unsupported range: 3d", "UNSUPPORTED_RANGE"),
        ("apy_chart", {"range": "1h"}, "Unsupported range: 1h", "UNSUPPORTED_RANGE"),
        ("apy_chart", {"range": "1d", "step": "7m"}, "Unsupported step: 7m", "UNSUPPORTED_STEP"),
        ("apy_chart", {"range": "1d", "lookback": "x"}, "Unsupported lookback: x", "UNSUPPORTED_LOOKBACK"),
        ("open_interest_chart", {"range": "x"}, "Unsupported range: x", "UNSUPPORTED_RANGE"),
    ],
)
def test_words_that_name_no_length_are_told(
    books: Books, method: str, members: dict[str, str], text: str, reason: str
) -> None:
    with pytest.raises(RpcError) as refused:
        books.call(method, json.dumps(members).encode())
    assert (refused.value.code, refused.value.message, refused.value.data["reason"]) == (-32000, text, reason)


def risk_state(books: Books, offset: int, ago: timedelta, long: str, short: str, **switches: bool) -> None:
    off = dict.fromkeys(("manual_halt", "manual_close_only", "pause_funding", "pause_price_feed"), False)
    books.event(
        "risk_engine_update",
        offset,
        command="AddExposure",
        total_long_btc=long,
        total_short_btc=short,
        total_pending_long_btc="0",
        total_pending_short_btc="0",
        ts=NOW - ago,
        **{**off, **switches},
    )


def test_open_interest_over_time_holds_each_record_until_the_next(books: Books) -> None:
    risk_state(books, 1, timedelta(hours=10, minutes=30), "100", "20")
    risk_state(books, 2, timedelta(hours=2, minutes=30), "100", "80")
    chart = books.call("open_interest_chart", b'{"range":"1d","step":"1h"}')
    assert [point["open_interest"] for point in chart] == [0.0] * 14 + [120.0] * 8 + [180.0] * 3
    assert [point["pct_change"] for point in chart if point["pct_change"]] == [50.0]


def test_exposure_counts_the_filled_orders_of_each_side(books: Books) -> None:
    filled = "2026-01-01T11:00:00Z"
    states = (
        ("a", "LONG", "SETTLED", "10000", "10", "2026-01-02T10:05:00Z"),
        ("b", "SHORT", "FILLED", "10000", "2", filled),
        ("c", "LONG", "LIQUIDATE", "10000", "5", "2026-01-03T10:05:00Z"),
    )
    for number, (account, side, status, margin, leverage, ts) in enumerate(states):
        books.current_order(
            number,
            uuid=f"00000000-0000-4000-8000-{number:012d}",
            account_id=account,
            position_type=side,
            order_status=status,
            initial_margin=margin,
            leverage=leverage,
            ts=ts,
        )
    expected = {"long_exposure": "0", "short_exposure": "20000", "last_order_timestamp": filled}
    assert books.call("open_interest") == expected


def market(books: Books) -> None:
    """The worked example of API specification 5.3."""
    risk_state(books, 5, timedelta(0), "320000000", "280000000")
    books.pool(6, locked="1050000000")
    books.event("funding_rate", 7, rate="0.0001", price="1", ts="2026-01-01T12:00:00Z", ts_ns=0)
    sizes = {"total_long": 17374082, "total_short": 8687041, "total": 26061123}
    books.event("position_size_log", 8, command="ADD", position_type="LONG", amount=1, **sizes)


def test_the_market_statistics_are_those_of_the_worked_example(books: Books) -> None:
    market(books)
    assert books.call("get_market_stats") == {
        "pool_equity_btc": 1050000000.0,
        "pool_nav_btc": None,
        "total_long_btc": 320000000.0,
        "total_short_btc": 280000000.0,
        "total_pending_long_btc": 0.0,
        "total_pending_short_btc": 0.0,
        "open_interest_btc": 600000000.0,
        "net_exposure_btc": 40000000.0,
        "long_pct": 0.5333333333333333,
        "short_pct": 0.4666666666666667,
        "utilization": 0.5714285714285714,
        "max_long_btc": 21000000.0,
        "max_short_btc": 21000000.0,
        "status": "HEALTHY",
        "status_reason": None,
        "params": {
            "max_oi_mult": 4.0,
            "max_net_mult": 0.8,
            "max_position_pct": 0.02,
            "min_position_btc": 0.0,
            "max_leverage": 50.0,
            "mm_ratio": 0.4,
        },
        "funding_rate": {
            "funding_rate": 0.0001,
            "estimated_funding_rate": 0.013888888888888888,
            "funding_rate_timestamp": "2026-01-01T12:00:00Z",
            "estimated_funding_rate_timestamp": "2026-01-01T13:00:00Z",
        },
    }


def test_an_exchange_without_any_record_has_statistics_too(books: Books) -> None:
    stats = books.call("get_market_stats")
    assert (stats["status"], stats["status_reason"], stats["max_long_btc"]) == ("HALT", "POOL_EQUITY_INVALID", 0.0)
    assert stats["funding_rate"]["funding_rate"] is None


def test_the_pool_is_valued_with_its_open_positions_at_the_newest_price(books: Books) -> None:
    market(books)
    books.price(9, "40000")
    position = {"initial_margin": "1000", "leverage": "10", "positionsize": "500000000", "entryprice": "50000"}
    books.current_order(10, **position, available_margin="990.4")
    # A long of 10,000 sats opened at 50,000 has lost 2,500 at 40,000, and has paid 10 of its margin.
    assert books.call("get_market_stats")["pool_nav_btc"] == 1050000000 - 10_000 + 500000000 / 40000 + 10


@pytest.mark.parametrize(
    ("equity", "halt", "close_only", "expected"),
    [
        (1.0, False, False, ("HEALTHY", None)),
        (1.0, True, True, ("HALT", "MANUAL_HALT")),
        (0.0, False, True, ("CLOSE_ONLY", "MANUAL_CLOSE_ONLY")),
        (0.0, False, False, ("HALT", "POOL_EQUITY_INVALID")),
    ],
)
def test_the_market_has_one_status_and_its_reason(
    equity: float, *, halt: bool, close_only: bool, expected: tuple[str, str | None]
) -> None:
    exposure = Exposure(equity, 0.0, 0.0, halt, close_only, PARAMS)
    assert exposure.status() == expected
    assert (exposure.max_long > 0) == (expected[0] == "HEALTHY")


@pytest.mark.parametrize(("long", "short", "rate"), [(0, 0, 0.0), (2, 1, 1 / 72), (1, 2, -1 / 72), (1, 1, 0.0)])
def test_the_estimated_rate_is_paid_by_the_larger_side(long: float, short: float, rate: float) -> None:
    assert estimated_rate(long, short) == pytest.approx(rate)


def test_the_market_facts_follow_from_the_newest_records(books: Books) -> None:
    market(books)
    books.price(1, "40000", NOW - DAY - timedelta(minutes=1))
    books.price(9, "42000", datetime.now(UTC))
    books.trade(3, "3374714d-8a95-4096-855f-7e2675fe0dc8", "1", "13640000000", NOW)
    info = books.call("market_info")
    expected = {
        "status": "Online",
        "index_price": 42000.0,
        "price_change24h": 5.0,
        "next_funding_at": "2026-01-01T13:00:00Z",
        "initial_margin_fraction": 0.02,
        "maintenance_margin_fraction": 0.004,
        "volume24h": 136.4,
        "trades24h": 1,
        "open_interest": 600000000.0,
        "max_position_size": 21000000.0,
    }
    assert {name: info[name] for name in expected} == expected


def test_an_old_price_takes_the_market_offline(books: Books) -> None:
    books.pool(1)
    books.price(9, "42000", NOW - timedelta(minutes=1))
    assert books.call("market_info")["status"] == "Offline"
