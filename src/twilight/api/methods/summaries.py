"""Trading activity of wallets, at least some days old. API specification 5.4."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from twilight.api.call import Call
from twilight.api.errors import CallFailed
from twilight.api.registry import Registry
from twilight.api.results import Row
from twilight.api.scalars import (
    ACCOUNT_ROWS_DEFAULT,
    PAGE_ROWS_MAX,
    DecimalText,
    Text,
    Timestamp,
    TimeText,
    clamp_offset,
    clamp_rows,
    decimal_text,
    time_text,
)

summaries = Registry()


class Activity(Struct, frozen=True, kw_only=True):
    """Position sizes and numbers of orders, by their latest status inside the window."""

    settled_positionsize: DecimalText = "0"
    filled_positionsize: DecimalText = "0"
    liquidated_positionsize: DecimalText = "0"
    settled_count: int = 0
    filled_count: int = 0
    liquidated_count: int = 0


class AccountSummary(Activity, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One wallet's activity in a window, both ends inclusive."""

    from_: TimeText
    to: TimeText


class WalletSummary(Activity, frozen=True, kw_only=True):
    """One wallet's activity on a page of many."""

    twilight_address: str


class SummaryPage(Struct, frozen=True, rename={"from_": "from"}):
    """A page of the wallets that are linked to accounts; those without activity are left out."""

    from_: TimeText
    to: TimeText
    limit: int
    offset: int
    total_addresses: int
    summaries: list[WalletSummary]


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when activity counts."""

    since: datetime
    until: datetime


def window(since: datetime | None, from_: datetime | None, to: datetime | None, days: int, now: datetime) -> Window:
    """Return the window that the parameters name; it never reaches closer than ``days`` to now.

    Raises:
        CallFailed: ``INVALID_WINDOW`` with the texts of the specification.
    """
    horizon = now - timedelta(days=days)
    if since is not None:
        return Window(_old_enough("since", since, horizon, days), horizon)
    if from_ is None:
        text = "Either `since` or `from` must be provided" if to is None else "`to` cannot be provided without `from`"
        raise CallFailed(text, reason="INVALID_WINDOW")
    _old_enough("from", from_, horizon, days)
    if to is not None and to < from_:
        raise CallFailed("`to` must be greater than or equal to `from`.", reason="INVALID_WINDOW")
    return Window(from_, horizon if to is None else min(to, horizon))


def _old_enough(name: str, moment: datetime, horizon: datetime, days: int) -> datetime:
    if moment > horizon:
        text = f"`{name}` must be at least {days} days older than the current time."
        raise CallFailed(text, reason="INVALID_WINDOW")
    return moment


@summaries.method("account_summary_by_twilight_address")
async def account_summary_by_twilight_address(
    call: Call,
    *,
    t_address: Text,
    from_: Timestamp | None = None,
    to: Timestamp | None = None,
    since: Timestamp | None = None,
) -> AccountSummary:
    """Return a wallet's activity; an unknown wallet has none."""
    asked = _window(call, since, from_, to)
    rows = await call.services.database.rows(
        "activity_of_wallets", "order info", wallets=[t_address], since=asked.since, until=asked.until
    )
    activity = _activity(rows[0]) if rows else {}
    return AccountSummary(from_=time_text(asked.since), to=time_text(asked.until), **activity)


@summaries.method("all_account_summaries", cache_s=60.0)
async def all_account_summaries(
    call: Call,
    *,
    from_: Timestamp | None = None,
    to: Timestamp | None = None,
    since: Timestamp | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> SummaryPage:
    """Return the activity of a page of wallets, ascending by address."""
    asked, database = _window(call, since, from_, to), call.services.database
    size, skipped = clamp_rows(limit, PAGE_ROWS_MAX, ACCOUNT_ROWS_DEFAULT), clamp_offset(offset)
    total = await database.row("count_of_wallets", "order info")
    page = await database.rows("page_of_wallets", "order info", limit=size, offset=skipped)
    wallets = [row.twilight_address for row in page]
    rows = await database.rows(
        "activity_of_wallets", "order info", wallets=wallets, since=asked.since, until=asked.until
    )
    found = [WalletSummary(twilight_address=row.twilight_address, **_activity(row)) for row in rows]
    return SummaryPage(time_text(asked.since), time_text(asked.until), size, skipped, int(total.wallets), found)


def _window(call: Call, since: datetime | None, from_: datetime | None, to: datetime | None) -> Window:
    return window(since, from_, to, call.services.settings.max_delayed_days, datetime.now(UTC))


def _activity(row: Row) -> dict[str, Any]:
    return {
        name: decimal_text(getattr(row, name)) if name.endswith("positionsize") else int(getattr(row, name))
        for name in Activity.__struct_fields__
    }
