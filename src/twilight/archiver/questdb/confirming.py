"""Whether QuestDB holds what PostgreSQL holds, hour by hour; what is missing is written again (issue 6).

Rows are deduplicated on time and sequence, so writing an hour again changes only what was not there. Rows that are
too many cannot be taken out of QuestDB: they are reported.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import Counter, Gauge

from twilight.archiver.postgres.connection import Connection
from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.rows import PriceRow
from twilight.archiver.questdb.schema import Tables
from twilight.archiver.questdb.writing import RowWriter
from twilight.archiver.trades import OrderTrade
from twilight.ops import logs

TOLERANCE = 1e-9
SHOWN_HOURS = 24
FAILURES = Counter("archiver_confirm_failures", "Comparisons that could not be made")
_RUNS = Counter("archiver_confirm_runs", "Comparisons of QuestDB with PostgreSQL")
_REPAIRED = Counter("archiver_confirm_repaired_rows", "Rows that a comparison wrote again", ["table"])
_EXTRA = Gauge("archiver_confirm_hours_with_extra", "Hours in which QuestDB has rows that PostgreSQL has not")
_HOUR = timedelta(hours=1)
_log = logs.get(__name__)

Sums = tuple[int, float]
Hours = dict[datetime, Sums]


@dataclass(frozen=True, slots=True)
class Report:
    """What the comparison found: hours compared, rows written again, hours with rows that PostgreSQL has not."""

    hours: int
    prices_repaired: int
    trades_repaired: int
    hours_with_extra: tuple[datetime, ...]

    @property
    def is_equal(self) -> bool:
        """Return whether both held the same before."""
        return not (self.prices_repaired or self.trades_repaired or self.hours_with_extra)


_PRICES = """
SELECT date_trunc('hour', ts), count(*), sum(price)::float8 FROM btc_usd_price
WHERE ts >= %s AND price > 0 AND anomaly IS NULL AND src_offset < %s GROUP BY 1
"""
_TRADES = """
SELECT date_trunc('hour', ts), count(*), sum(positionsize)::float8 FROM trade
WHERE ts >= %s AND src_offset < %s GROUP BY 1
"""
_PRICE_ROWS = """
SELECT ts_ns, price::float8, src_offset FROM btc_usd_price
WHERE ts >= %s AND ts < %s AND price > 0 AND anomaly IS NULL
"""
_TRADE_ROWS = """
SELECT order_uuid::text, account_id, trade_kind, side, price::float8, positionsize::float8, ts_ns, src_offset,
       price::float8
FROM trade WHERE ts >= %s AND ts < %s
"""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def confirm(
    connection: Connection, client: QuestDBClient, tables: Tables, since: datetime = _BEGINNING, until_seq: int = 2**62
) -> Report:
    """Compare every hour from that of `since` on, below a sequence that both have passed; write what is missing again.

    Raises:
        Unavailable: a database does not answer.
    """
    since = since.replace(minute=0, second=0, microsecond=0)
    writer = RowWriter(client, tables)
    kept_prices = _hours(connection.execute(_PRICES, (since, until_seq)))
    kept_trades = _hours(connection.execute(_TRADES, (since, until_seq)))
    found_prices = _sampled(client, tables.prices, "price", since, until_seq)
    found_trades = _sampled(client, tables.trades, "amount", since, until_seq)

    def prices_of(hour: datetime) -> int:
        rows = [PriceRow(*row) for row in connection.execute(_PRICE_ROWS, (hour, hour + _HOUR))]
        writer.write(rows, [])
        return len(rows)

    def trades_of(hour: datetime) -> int:
        rows = [OrderTrade(*row) for row in connection.execute(_TRADE_ROWS, (hour, hour + _HOUR))]
        writer.write([], rows)
        return len(rows)

    repaired = [
        _repair(kept, found, write)
        for kept, found, write in ((kept_prices, found_prices, prices_of), (kept_trades, found_trades, trades_of))
    ]
    writer.close()
    extra = sorted(_with_extra(kept_prices, found_prices) | _with_extra(kept_trades, found_trades))
    report = Report(len(kept_prices.keys() | kept_trades.keys()), repaired[0], repaired[1], tuple(extra))
    _tell(report)
    return report


def _tell(report: Report) -> None:
    _RUNS.inc()
    _REPAIRED.labels("prices").inc(report.prices_repaired)
    _REPAIRED.labels("trades").inc(report.trades_repaired)
    _EXTRA.set(len(report.hours_with_extra))
    tell = _log.info if report.is_equal else _log.warning
    tell(
        "compared with PostgreSQL",
        hours=report.hours,
        prices_repaired=report.prices_repaired,
        trades_repaired=report.trades_repaired,
        hours_with_extra=[hour.isoformat() for hour in report.hours_with_extra[:SHOWN_HOURS]],
    )


def _hours(rows: Iterable[tuple[Any, ...]]) -> Hours:
    return {hour: (int(count), float(total)) for hour, count, total in rows}


def _sampled(client: QuestDBClient, table: str, column: str, since: datetime, until_seq: int) -> Hours:
    rows = client.rows(
        f"SELECT timestamp, count(), sum({column}) FROM '{table}'"  # noqa: S608 - our own names
        f" WHERE timestamp >= '{since:%Y-%m-%dT%H:%M:%S}Z' AND seq < {until_seq} SAMPLE BY 1h ALIGN TO CALENDAR"
    )
    return _hours((datetime.fromisoformat(start), count, total) for start, count, total in rows)


def _repair(kept: Hours, found: Mapping[datetime, Sums], write: Callable[[datetime], int]) -> int:
    written = 0
    for hour, sums in kept.items():
        there = found.get(hour, (0, 0.0))
        if there[0] <= sums[0] and not _is_same(sums, there):
            written += write(hour)
            _log.warning("wrote an hour again", hour=hour.isoformat(), expected=sums, found=there)
    return written


def _with_extra(kept: Hours, found: Hours) -> set[datetime]:
    return {hour for hour, (count, _) in found.items() if count > kept.get(hour, (0, 0.0))[0]}


def _is_same(one: Sums, other: Sums) -> bool:
    return one[0] == other[0] and abs(one[1] - other[1]) <= TOLERANCE * max(abs(one[1]), abs(other[1]))
