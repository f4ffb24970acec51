"""P14: the archiver's QuestDB rows, acknowledged, against a bare sender of the official client.

Both are given the same decoded rows in the same batches, one acknowledged transaction for each batch and table.
`from_kafka` is what the whole sink makes of the log, reading and decoding included.
"""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY
from questdb import Sender, TimestampNanos
from tests.bench._archive import long_log, produce
from tests.bench._servers import fresh, kafka, questdb_server
from tests.bench._timing import in_turns, row

from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.rows import Fresh, PriceRow, rows_of
from twilight.archiver.questdb.schema import Tables, ensure_tables
from twilight.archiver.questdb.sink import BATCH_RECORDS, QuestDBSink
from twilight.archiver.questdb.writing import RowWriter
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE
from twilight.archiver.settings import ArchiverSettings
from twilight.archiver.trades import OrderTrade
from twilight.ops.health import Check

RECORDS = 200_000
FROM_KAFKA_RECORDS = 100_000
Batch = tuple[list[PriceRow], list[OrderTrade]]


@contextmanager
def fresh_tables(url: str) -> Iterator[tuple[QuestDBClient, Tables]]:
    """Give tables of our shape that nobody else uses."""
    client, tables = QuestDBClient(url), Tables(f"bench_{uuid.uuid4().hex[:10]}_")
    ensure_tables(client, tables)
    try:
        yield client, tables
    finally:
        client.rows(f"DROP VIEW IF EXISTS '{tables.recent_orders}'")
        for table in (tables.prices, tables.trades):
            client.rows(f"DROP TABLE IF EXISTS '{table}'")
        client.close()


def batches(shared: Path) -> list[Batch]:
    """Return the rows of a log, decoded, in the batches of the sink."""
    log, reader, seen = long_log(shared, RECORDS), Reader(CORE, Duplicates()), Fresh()
    starts = range(0, len(log), BATCH_RECORDS)
    return [rows_of(reader.entries(log[start : start + BATCH_RECORDS]), seen) for start in starts]


def ours(url: str, work: Sequence[Batch]) -> float:
    """Write with the archiver's writer; return the seconds."""
    with fresh_tables(url) as (client, tables):
        writer = RowWriter(client, tables)
        begun = time.perf_counter()
        for prices, trades in work:
            writer.write(prices, trades)
        seconds = time.perf_counter() - begun
        writer.close()
    return seconds


def bare(url: str, work: Sequence[Batch]) -> float:
    """Write with a bare sender; return the seconds."""
    with fresh_tables(url) as (client, tables):
        begun = time.perf_counter()
        with Sender.from_conf(f"http::addr={client.address};auto_flush=off;protocol_version=2;") as sender:
            for prices, trades in work:
                with sender.transaction(tables.prices) as ticks:
                    for ts_ns, price, seq in prices:
                        ticks.row(columns={"price": price, "seq": seq}, at=TimestampNanos(ts_ns))
                if trades:
                    with sender.transaction(tables.trades) as fills:
                        for trade in trades:
                            columns = {
                                "side": trade.questdb_side,
                                "price": trade.price,
                                "amount": trade.position_size,
                                "order_id": trade.order_uuid,
                                "seq": trade.offset,
                            }
                            fills.row(
                                symbols={"kind": trade.trade_kind}, columns=columns, at=TimestampNanos(trade.ts_ns)
                            )
        return time.perf_counter() - begun


def from_kafka(brokers: str, url: str, topic: str, ticks: int) -> float:
    """Run the whole sink on a topic; return the seconds until all its rows are acknowledged."""
    with fresh_tables(url) as (_, tables):
        settings = ArchiverSettings(
            broker=brokers,
            database_url="postgresql://nowhere",
            core_event_log=topic,
            questdb_http_url=url,
            questdb_kafka_group=fresh("group"),
            questdb_table_prefix=tables.prefix,
        )
        ended = threading.Event()
        thread = threading.Thread(target=QuestDBSink(settings, Check("questdb")).run, args=(ended,))
        begun = time.perf_counter()
        thread.start()
        while _acknowledged(tables.prices) < ticks:
            time.sleep(0.005)
        seconds = time.perf_counter() - begun
        ended.set()
        thread.join()
    return seconds


def _acknowledged(table: str) -> float:
    return REGISTRY.get_sample_value("archiver_questdb_rows_total", {"table": table}) or 0


def p14(shared: Path, runs: int) -> dict[str, Any]:
    """Measure against a bare sender."""
    work = batches(shared)
    rows = sum(len(prices) + len(trades) for prices, trades in work)
    log = long_log(shared, FROM_KAFKA_RECORDS)
    with kafka() as brokers, questdb_server() as url:
        found = in_turns({"ours": lambda: rows / ours(url, work), "peer": lambda: rows / bare(url, work)}, runs)
        topic = fresh("questdb")
        produce(brokers, topic, log)
        ticks = sum(len(prices) for prices, _ in work[: FROM_KAFKA_RECORDS // BATCH_RECORDS])
        whole = round(ticks / from_kafka(brokers, url, topic, ticks))
    return row(
        "P14",
        "QuestDB rows/s, acknowledged, against a bare sender of the same rows",
        goal=0.8,
        from_kafka=whole,
        **found,
    )


BENCHES = {"P14": p14}
