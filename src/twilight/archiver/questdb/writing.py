"""Writing rows by the official client: each table's rows are one acknowledged transaction.

A refused batch is halved until the bad row is found; that row is logged, counted and left out (decisions S10). So is
a row that the client will not send, as of a time before 1970.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import Counter
from questdb import QuestDBError, QuestDBErrorCode, Sender, SenderTransaction, TimestampNanos

from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.rows import PriceRow
from twilight.archiver.questdb.schema import Tables
from twilight.archiver.trades import OrderTrade
from twilight.ops import logs
from twilight.ops.errors import Unavailable

RETRY_MS = 2_000
_REFUSED_ROWS = Counter("archiver_questdb_refused_rows_total", "Rows that QuestDB would not take, left out", ["table"])
_ROWS = Counter("archiver_questdb_rows_total", "Rows acknowledged by QuestDB", ["table"])

_log = logs.get(__name__)
Row = TypeVar("Row")


def _add_prices(transaction: SenderTransaction, rows: Sequence[PriceRow]) -> None:
    for ts_ns, price, seq in rows:
        transaction.row(columns={"price": price, "seq": seq}, at=TimestampNanos(ts_ns))


def _add_trades(transaction: SenderTransaction, trades: Sequence[OrderTrade]) -> None:
    for trade in trades:
        transaction.row(
            symbols={"kind": trade.trade_kind},
            columns={
                "side": trade.questdb_side,
                "price": trade.price,
                "amount": trade.position_size,
                "order_id": trade.order_uuid,
                "seq": trade.offset,
            },
            at=TimestampNanos(trade.ts_ns),
        )


class RowWriter:
    """Writes ticks and trades; what returns is acknowledged by QuestDB's write-ahead log."""

    def __init__(self, client: QuestDBClient, tables: Tables) -> None:
        self._client = client
        self._tables = tables
        self._sender: Sender | None = None

    def write(self, prices: Sequence[PriceRow], trades: Sequence[OrderTrade]) -> None:
        """Write all rows.

        Raises:
            Unavailable: QuestDB is away; what was written stays, and may be written again.
        """
        self._write(self._tables.prices, prices, _add_prices)
        self._write(self._tables.trades, trades, _add_trades)

    def _write(self, table: str, rows: Sequence[Row], add: Callable[[SenderTransaction, Sequence[Row]], None]) -> None:
        if not rows:
            return
        refusal = self._try(table, rows, add)
        if refusal is None:
            _ROWS.labels(table).inc(len(rows))
        elif len(rows) > 1:
            middle = len(rows) // 2
            self._write(table, rows[:middle], add)
            self._write(table, rows[middle:], add)
        else:
            _REFUSED_ROWS.labels(table).inc()
            _log.error("QuestDB refused a row", table=table, row=repr(rows[0]), reason=refusal)

    def _try(
        self, table: str, rows: Sequence[Row], add: Callable[[SenderTransaction, Sequence[Row]], None]
    ) -> str | None:
        """Return None when the rows are in, else why QuestDB does not want them."""
        try:
            with self._connected().transaction(table) as transaction:
                add(transaction, rows)
        except (ValueError, OverflowError) as error:
            self.close()
            return f"{type(error).__name__}: {error}"
        except QuestDBError as error:
            self.close()
            if error.code == QuestDBErrorCode.ServerFlushError and '"code":"invalid"' in str(error):
                return str(error)
            raise Unavailable(f"QuestDB did not take rows: {error}") from error
        return None

    def _connected(self) -> Sender:
        if self._sender is None:
            self._sender = Sender.from_conf(
                f"http::addr={self._client.address};auto_flush=off;protocol_version=2;retry_timeout={RETRY_MS};"
            )
            self._sender.establish()  # type: ignore[no-untyped-call]
        return self._sender

    def close(self) -> None:
        """Drop the connection; rows that were not acknowledged are forgotten."""
        if self._sender is not None:
            self._sender.close(flush=False)
            self._sender = None
