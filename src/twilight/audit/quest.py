"""QuestDB's rows against the log, one by one by their sequence (decisions S10)."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from twilight.archiver.postgres.tables import PRICE, TRADE, Row
from twilight.audit.finding import Faults, Finding, finding
from twilight.ops.errors import Unavailable

POLL_S = 0.2
NS_PER_US = 1_000
CONNECT_TIMEOUT_S = 10

Connection = psycopg.Connection[tuple[Any, ...]]
Values = tuple[object, ...]


class _Shape(NamedTuple):
    """One of the two tables: the columns beside time and sequence."""

    name: str
    columns: str


_PRICES = _Shape("prices", "price")
_TRADES = _Shape("trades", "side, price, amount, order_id, kind")


def connect(url: str) -> Connection:
    """Return a connection to QuestDB.

    Raises:
        Unavailable: it does not answer.
    """
    try:
        return psycopg.connect(url, autocommit=True, prepare_threshold=None, connect_timeout=CONNECT_TIMEOUT_S)
    except psycopg.OperationalError as error:
        raise Unavailable(f"QuestDB does not answer: {str(error).strip()}") from error


class QuestRows:
    """Compares chunk by chunk while the log is read; what is not there yet is waited for, so long in all.

    Args:
        connection: a connection to QuestDB.
        prefix: that of its tables.
        wait_s: how long it may be behind the log, all chunks together.
    """

    def __init__(self, connection: Connection, prefix: str, wait_s: float) -> None:
        self.connection = connection
        self._prefix = prefix
        self._deadline = time.monotonic() + wait_s
        self._faults = Faults()
        self._counts = {_PRICES: 0, _TRADES: 0}

    def take(self, prices: Sequence[Row], trades: Sequence[Row]) -> None:
        """Compare the rows of a stretch of the log, given as the rows of PostgreSQL's tables."""
        self._compare(_PRICES, _expected_prices(prices))
        self._compare(_TRADES, _expected_trades(trades))

    def _compare(self, shape: _Shape, expected: Mapping[int, Values]) -> None:
        if not expected:
            return
        self._counts[shape] += len(expected)
        found = self._found(shape, expected)
        while max(expected) not in found and time.monotonic() < self._deadline:
            time.sleep(POLL_S)
            found = self._found(shape, expected)
        for seq in sorted(expected.keys() | found.keys()):
            want, have = expected.get(seq), found.get(seq)
            if want != have:
                self._faults.add(f"{shape.name} {seq}: expected {want}, found {have}")

    def _found(self, shape: _Shape, expected: Mapping[int, Values]) -> dict[int, Values]:
        """Return the rows of the same span of time and of sequences."""
        times = [int(str(values[0])) for values in expected.values()]
        span = f"timestamp BETWEEN {min(times)} AND {max(times)} AND seq BETWEEN {min(expected)} AND {max(expected)}"
        rows = self.connection.execute(
            f"SELECT seq, timestamp::long, {shape.columns} FROM '{self._prefix}{shape.name}' WHERE {span}"  # noqa: S608 - our names
        ).fetchall()
        return {int(row[0]): (int(row[1]), *map(_plain, row[2:])) for row in rows}

    def close(self, seq_below: int, log_end: Callable[[], int]) -> Finding:
        """Return whether the tables hold exactly the rows that were compared.

        Args:
            seq_below: the sequence up to which the log was compared.
            log_end: asks where the log ends now; no row can stand beyond it.
        """
        for shape, count in self._counts.items():
            found = self._one(f"SELECT count() FROM '{self._prefix}{shape.name}' WHERE seq < {seq_below}")  # noqa: S608
            if found != count:
                self._faults.add(f"{shape.name}: {found} rows below sequence {seq_below}, the log makes {count}")
            newest = self._one(f"SELECT coalesce(max(seq), -1) FROM '{self._prefix}{shape.name}'")  # noqa: S608
            end = log_end()  # asked after the row was seen: what is written meanwhile is no fault
            if newest >= end:
                self._faults.add(f"{shape.name} {newest}: beyond the end of the log at {end}")
        figures: dict[str, int | float | str] = {shape.name: count for shape, count in self._counts.items()}
        return finding("QuestDB rows", figures, self._faults)

    def _one(self, query: str) -> int:
        row = self.connection.execute(query.encode()).fetchone()
        return 0 if row is None else int(row[0])


def _plain(value: object) -> object:
    return value if isinstance(value, int | float) else str(value)


def _expected_prices(rows: Sequence[Row]) -> dict[int, Values]:
    """A tick without a positive price is in PostgreSQL alone."""
    names = PRICE.columns
    seq, price, ts_ns = (names.index(name) for name in ("src_offset", "price", "ts_ns"))
    expected: dict[int, Values] = {}
    for row in rows:
        usd: Any = row[price]
        if usd is not None and usd > 0:
            expected[_int(row[seq])] = (_int(row[ts_ns]) // NS_PER_US, usd)
    return expected


def _expected_trades(rows: Sequence[Row]) -> dict[int, Values]:
    names = ("src_offset", "ts_ns", "qdb_side", "price", "positionsize", "order_uuid", "trade_kind")
    at = [TRADE.columns.index(name) for name in names]
    expected: dict[int, Values] = {}
    for row in rows:
        seq, ts_ns, *values = (row[place] for place in at)
        expected[_int(seq)] = (_int(ts_ns) // NS_PER_US, *values)
    return expected


def _int(value: object) -> int:
    return int(str(value))
