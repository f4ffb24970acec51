"""The loop: read the log, write rows, then commit the group's offset (decisions S10)."""

import threading
from collections.abc import Sequence

from prometheus_client import Counter, Gauge

from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.line import LineWriter
from twilight.archiver.questdb.rows import Fresh, Trades, is_wanted, rows_of
from twilight.archiver.questdb.schema import Tables, ensure_tables, newest_seq, resume_suspended
from twilight.archiver.questdb.writing import RowWriter
from twilight.archiver.reading import DUPLICATE_WINDOW, Duplicates, Reader
from twilight.archiver.record import CORE
from twilight.archiver.settings import ArchiverSettings
from twilight.bus import LogReader, Record
from twilight.ops import logs
from twilight.ops.errors import Unavailable
from twilight.ops.health import Check

REWIND = 10_000
TRADES_LOADED = 200_000
ORDERS_ASKED = 100  # in one question: it travels in an address
POLL_S = 0.2
BATCH_RECORDS = 10_000
RETRY_S_MIN, RETRY_S_MAX = 0.2, 10.0

_POSITION = Gauge("archiver_questdb_position", "Offset of the next record for QuestDB")
_RETRIES = Counter("archiver_questdb_retries_total", "Batches that waited for QuestDB")

_log = logs.get(__name__)


class QuestDBSink:
    """Keeps QuestDB's prices and trades up to the log's end; restart it anywhere."""

    def __init__(self, settings: ArchiverSettings, check: Check) -> None:
        self._settings = settings
        self._check = check
        self._client = QuestDBClient(settings.questdb_http_url)
        self._tables = Tables(settings.questdb_table_prefix)
        self._writer = RowWriter(self._client, self._tables)
        self._line_writer: LineWriter | None = None
        if settings.questdb_influx_url:
            recent = self._tables.recent_orders
            self._line_writer = LineWriter(settings.questdb_influx_url, recent, settings.questdb_close_price)

    def run(self, stop: threading.Event) -> None:
        """Write until asked to stop; what is wrong here is told and tried again: PostgreSQL's sinks go on."""
        wait_s = RETRY_S_MIN
        while not stop.is_set():
            try:
                self._follow(stop)
            except Exception as error:  # noqa: BLE001 - nothing here may end the process: PostgreSQL's sinks go on
                _RETRIES.inc()
                reason = f"{type(error).__name__}: {error}"
                self._check.fail(reason)
                _log.warning("waiting", reason=reason, wait_s=wait_s)
                stop.wait(wait_s)
                wait_s = min(wait_s * 2, RETRY_S_MAX)
            else:
                wait_s = RETRY_S_MIN
        self._writer.close()
        self._client.close()
        if self._line_writer is not None:
            self._line_writer.close()

    def _follow(self, stop: threading.Event) -> None:
        """Start at the right place and write batch after batch."""
        ensure_tables(self._client, self._tables, line_writer=self._line_writer is not None)
        with self._log() as log:
            first = log.start_offset()
            start = max(first, self._start(log))
            warm_from = max(first, start - DUPLICATE_WINDOW)
            log.seek(warm_from)
            reader = Reader(CORE, Duplicates())
            newest = self._newest_trades()
            fresh = Fresh(newest, is_complete=len(newest) == self._count_trades())
            while not stop.is_set():
                records = log.read(BATCH_RECORDS, POLL_S)
                self._write(log, reader, fresh, records, start)

    def _log(self) -> LogReader:
        settings = self._settings
        return LogReader(settings.broker, settings.core_event_log, start="earliest", group=settings.questdb_kafka_group)

    def _start(self, log: LogReader) -> int:
        """Return where to go on: the group's offset, or so far before the newest row that nothing can be missing."""
        committed = log.committed()
        newest = newest_seq(self._client, self._tables)
        if committed is None or newest < 0:
            return 0
        return min(committed, max(0, newest + 1 - REWIND))

    def _count_trades(self) -> int:
        return int(self._client.rows(f"SELECT count() FROM '{self._tables.trades}'")[0][0])  # noqa: S608 - our own name

    def _newest_trades(self) -> Trades:
        """Return the newest trades that are there; of older ones the table is asked when they matter."""
        newest = f"SELECT order_id, kind, seq FROM '{self._tables.trades}' LIMIT -{TRADES_LOADED}"  # noqa: S608 - ours
        return {(order_id, kind): int(seq) for order_id, kind, seq in self._client.stream(newest)}

    def _ask(self, unknown: set[tuple[str, str]]) -> Trades:
        """Return the first trade of each order and kind that the table holds of these orders."""
        found: Trades = {}
        orders = sorted({order_id for order_id, _ in unknown})
        for start in range(0, len(orders), ORDERS_ASKED):
            names = ", ".join(f"'{order_id}'" for order_id in orders[start : start + ORDERS_ASKED])
            found |= {
                (order_id, kind): int(seq)
                for order_id, kind, seq in self._client.rows(
                    f"SELECT order_id, kind, min(seq) FROM '{self._tables.trades}'"  # noqa: S608 - uuids of typed rows
                    f" WHERE order_id IN ({names}) GROUP BY order_id, kind"
                )
            }
        return {trade: seq for trade, seq in found.items() if trade in unknown}

    def _write(self, log: LogReader, reader: Reader, fresh: Fresh, records: Sequence[Record], start: int) -> None:
        entries = reader.entries(record for record in records if is_wanted(record))
        prices, trades = rows_of((entry for entry in entries if entry.source.offset >= start), fresh, self._ask)
        self._writer.write(prices, trades)
        if self._line_writer is not None:
            self._line_writer.write(trades)
            self._line_writer.check()
        if suspended := resume_suspended(self._client, self._tables) if prices or trades else []:
            raise Unavailable(f"QuestDB had suspended {', '.join(suspended)}: resumed, checking again")
        if records and records[-1].offset >= start:
            log.commit(records[-1].offset + 1)
            _POSITION.set(records[-1].offset + 1)
        self._check.ok()
