import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from books import Books

from twilight.api.errors import CallFailed, RpcError
from twilight.api.methods.summaries import window

NOW = datetime(2026, 2, 1, tzinfo=UTC)
HORIZON = NOW - timedelta(days=7)
OLD = datetime(2026, 1, 1, tzinfo=UTC)
STATES = (
    ("a", "PENDING", "2026-01-01T10:00:00Z", "5000000000"),
    ("a", "FILLED", "2026-01-01T10:05:00Z", "5000000000"),
    ("a", "SETTLED", "2026-01-02T10:05:00Z", "5000000000"),
    ("b", "FILLED", "2026-01-01T10:05:00Z", "1040000000"),
    ("c", "FILLED", "2026-01-01T10:05:00Z", "2600000000"),
    ("c", "LIQUIDATE", "2026-01-03T10:05:00Z", "2600000000"),
)
WALLETS = {"a": "twilight1", "b": "twilight1", "c": "twilight2", "d": "twilight3"}


def golden(books: Books) -> None:
    """The orders of storage specification 6.5."""
    for offset, (account, status, ts, size) in enumerate(STATES):
        uuid = f"00000000-0000-4000-8000-0000000000{ord(account):02x}"
        books.order(offset, uuid=uuid, account_id=account, order_status=status, ts=ts, positionsize=size)
    for account, wallet in WALLETS.items():
        books.insert(
            "twilight_qq_account_link",
            twilight_address=wallet,
            account_address=account,
            order_id=f"00000000-0000-4000-8000-0000000000{ord(account):02x}",
            src_stream="core",
            src_partition=0,
            src_offset=0,
            ts=OLD,
        )


def ask(books: Books, method: str, **members: object) -> Any:
    return books.call(method, json.dumps({name.rstrip("_"): value for name, value in members.items()}).encode())


@pytest.mark.servers
def test_an_order_counts_with_its_latest_state_inside_the_window(books: Books) -> None:
    golden(books)
    asked = {"from_": "2026-01-01T00:00:00Z", "to": "2026-01-05T00:00:00Z"}
    assert ask(books, "account_summary_by_twilight_address", t_address="twilight1", **asked) == {
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-05T00:00:00Z",
        "settled_positionsize": "5000000000",
        "filled_positionsize": "1040000000",
        "liquidated_positionsize": "0",
        "settled_count": 1,
        "filled_count": 1,
        "liquidated_count": 0,
    }
    first_day = ask(
        books, "account_summary_by_twilight_address", t_address="twilight1", **asked | {"to": "2026-01-02T00:00:00Z"}
    )
    assert (first_day["filled_positionsize"], first_day["filled_count"]) == ("6040000000", 2)


@pytest.mark.servers
def test_an_unknown_wallet_has_no_activity(books: Books) -> None:
    answer = ask(books, "account_summary_by_twilight_address", t_address="nobody", since="2026-01-01T00:00:00Z")
    assert (answer["settled_positionsize"], answer["filled_count"]) == ("0", 0)


@pytest.mark.servers
def test_pages_run_over_all_wallets_and_show_those_with_activity(books: Books) -> None:
    golden(books)
    asked = {"from_": "2026-01-01T00:00:00Z", "to": "2026-01-05T00:00:00Z"}
    page = ask(books, "all_account_summaries", **asked, limit=2, offset=1)
    assert [row["twilight_address"] for row in page["summaries"]] == ["twilight2"]
    assert page["summaries"][0]["liquidated_positionsize"] == "2600000000"
    assert {name: page[name] for name in ("limit", "offset", "total_addresses")} == {
        "limit": 2,
        "offset": 1,
        "total_addresses": 3,
    }


@pytest.mark.servers
def test_the_window_is_told_when_it_is_none(books: Books) -> None:
    with pytest.raises(RpcError) as refused:
        ask(books, "all_account_summaries")
    assert (refused.value.code, refused.value.data["reason"]) == (-32000, "INVALID_WINDOW")


@pytest.mark.parametrize(
    ("since", "from_", "to", "expected"),
    [
        (OLD, None, None, (OLD, HORIZON)),
        (OLD, NOW, OLD, (OLD, HORIZON)),
        (None, OLD, None, (OLD, HORIZON)),
        (None, OLD, OLD, (OLD, OLD)),
        (None, OLD, NOW, (OLD, HORIZON)),
        (HORIZON, None, None, (HORIZON, HORIZON)),
    ],
)
def test_the_window_never_comes_closer_than_the_delay(
    since: datetime | None, from_: datetime | None, to: datetime | None, expected: tuple[datetime, datetime]
) -> None:
    found = window(since, from_, to, 7, NOW)
    assert (found.since, found.until) == expected


LATE = HORIZON + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("since", "from_", "to", "text"),
    [
        (LATE, None, None, "`since` must be at least 7 days older than the current time."),
        (None, LATE, None, "`from` must be at least 7 days older than the current time."),
        (None, LATE, OLD, "`from` must be at least 7 days older than the current time."),
        (None, HORIZON, OLD, "`to` must be greater than or equal to `from`."),
        (None, None, OLD, "`to` cannot be provided without `from`"),
        (None, None, None, "Either `since` or `from` must be provided"),
    ],
)
def test_a_window_that_is_none_is_refused_with_its_text(
    since: datetime | None, from_: datetime | None, to: datetime | None, text: str
) -> None:
    with pytest.raises(CallFailed) as refused:
        window(since, from_, to, 7, NOW)
    assert refused.value.message == text
