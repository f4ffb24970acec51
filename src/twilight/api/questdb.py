"""Candles that QuestDB samples from its ticks and trades (decisions S11). What it cannot answer, PostgreSQL does."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

TIMEOUT_S = 2.0
BEHIND_MAX = 2_000
"""How many sequences QuestDB may be behind PostgreSQL and still be asked."""

SAMPLES = {
    "ONE_MINUTE": "1m",
    "FIVE_MINUTE": "5m",
    "FIFTEEN_MINUTE": "15m",
    "THIRTY_MINUTE": "30m",
    "ONE_HOUR": "1h",
    "FOUR_HOUR": "4h",
    "EIGHT_HOUR": "8h",
    "TWELVE_HOUR": "12h",
    "ONE_DAY": "1d",
}
"""Interval -> QuestDB's word for it; windows that do not begin with the calendar are not among them."""


class NotServed(Exception):
    """QuestDB cannot answer this now: it is away, refuses, or is behind."""


@dataclass(frozen=True, slots=True)
class SampledCandle:
    """One interval in which a tick fell, in the columns of the query `candles`."""

    bucket: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    btc_volume: Decimal
    usd_volume: Decimal
    trades: int
    last_offset: int


class QuestCandles:
    """The candles of one QuestDB, asked over its HTTP port."""

    def __init__(self, url: str, table_prefix: str = "") -> None:
        self._http = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=TIMEOUT_S)
        self._prices, self._trades = f"{table_prefix}prices", f"{table_prefix}trades"

    async def candles(
        self, interval: str, length: timedelta, since: datetime, skipped: int, wanted: int, archived: int
    ) -> list[SampledCandle]:
        """Return the candles from `since` on, ascending, those without a tick left out.

        Args:
            interval: one of `SAMPLES`.
            length: the interval's length.
            since: the start of an interval.
            skipped: how many candles to leave out at the beginning.
            wanted: how many to return at most.
            archived: the sequence that PostgreSQL has come to.

        Raises:
            NotServed: QuestDB is away, refuses, or is behind.
        """
        page = f"LIMIT {skipped}, {skipped + wanted}"
        sample = f"SAMPLE BY {SAMPLES[interval]} ALIGN TO CALENDAR"
        newest, ticks = await asyncio.gather(
            self._rows(f"SELECT seq FROM '{self._prices}' LIMIT -1"),  # noqa: S608 - our own name
            self._rows(
                "SELECT timestamp, first(price), max(price), min(price), last(price), max(seq)"  # noqa: S608 - ours
                f" FROM '{self._prices}' WHERE timestamp >= '{_text(since)}' {sample} {page}"
            ),
        )
        if not newest or newest[0][0] < archived - BEHIND_MAX:
            raise NotServed(f"it is at {newest[0][0] if newest else 'no'} sequence, PostgreSQL at {archived}")
        if not ticks:
            return []
        first, last = (datetime.fromisoformat(ticks[at][0]) for at in (0, -1))
        span = f"timestamp >= '{_text(first)}' AND timestamp < '{_text(last + length)}'"
        trades = await self._rows(
            "SELECT timestamp, count(), sum(amount / price) / 1e8, sum(amount) / 1e8, max(seq)"  # noqa: S608 - ours
            f" FROM '{self._trades}' WHERE {span} {sample}"
        )
        volumes = {start: row for start, *row in trades}
        return [_candle(row, volumes.get(row[0], [0, 0, 0, -1])) for row in ticks]

    async def _rows(self, query: str) -> list[list[Any]]:
        try:
            answer = await self._http.get("/exec", params={"query": query})
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise NotServed(str(error)) from error
        rows: list[list[Any]] = found.get("dataset", [])
        return rows

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _candle(tick: list[Any], volume: list[Any]) -> SampledCandle:
    start, *figures, seq = tick
    trades, btc, usd, trade_seq = volume
    opened, high, low, close, btc, usd = (Decimal(repr(figure)) for figure in (*figures, btc, usd))
    newest = max(seq, trade_seq)
    return SampledCandle(datetime.fromisoformat(start), opened, high, low, close, btc, usd, trades, newest)


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
