"""A QuestDB sink on a Kafka topic, with tables of its own."""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.schema import Tables, is_applied
from twilight.archiver.questdb.sink import QuestDBSink
from twilight.archiver.settings import ArchiverSettings
from twilight.bus import Producer, Record, TopicSpec, ensure
from twilight.ops.health import Check


class Quest:
    """One log and the QuestDB tables that follow it."""

    def __init__(self, brokers: str, topic: str, http_url: str, **options: str) -> None:
        prefix = f"t{uuid.uuid4().hex[:10]}_"
        self.settings = ArchiverSettings(
            broker=brokers,
            database_url="postgresql://nowhere",
            core_event_log=topic,
            questdb_http_url=http_url,
            questdb_kafka_group=f"group-{prefix}",
            questdb_table_prefix=prefix,
            **options,  # type: ignore[arg-type]
        )
        self.tables = Tables(prefix)
        self.client = QuestDBClient(http_url)
        self.check = Check("questdb")
        ensure(brokers, [TopicSpec(topic)])

    def produce(self, records: Sequence[Record]) -> None:
        """Append records to the log."""
        producer = Producer(self.settings.broker, linger_ms=5)
        for record in records:
            producer.send(self.settings.core_event_log, record.key, record.value or b"")
        producer.flush(30)

    def run_until(self, done: Callable[[], bool], *, within_s: float = 60.0) -> None:
        """Run a sink until something holds."""
        ended = threading.Event()
        thread = threading.Thread(target=QuestDBSink(self.settings, self.check).run, args=(ended,))
        thread.start()
        deadline = time.monotonic() + within_s
        try:
            while not done():
                assert time.monotonic() < deadline, f"not reached in time; the sink says {self.check.text()}"
                time.sleep(0.1)
        finally:
            ended.set()
            thread.join(30)

    def holds(self, prices: int, trades: int) -> bool:
        """Return whether that many rows can be read."""
        return self.count(self.tables.prices) == prices and self.count(self.tables.trades) == trades

    def count(self, table: str) -> int:
        """Return the table's readable rows, -1 before there is a table."""
        if not self.client.rows(f"SELECT table_name FROM tables() WHERE table_name = '{table}'"):  # noqa: S608
            return -1
        if not is_applied(self.client, table):
            return -1
        return int(self.client.rows(f"SELECT count() FROM '{table}'")[0][0])  # noqa: S608

    def rows(self, query: str) -> list[list[Any]]:
        """Return rows; `{prices}` and `{trades}` stand for the tables."""
        return self.client.rows(query.format(prices=self.tables.prices, trades=self.tables.trades))

    def close(self) -> None:
        """Drop the tables."""
        self.client.rows(f"DROP VIEW IF EXISTS '{self.tables.recent_orders}'")
        for table in (self.tables.prices, self.tables.trades):
            self.client.rows(f"DROP TABLE IF EXISTS '{table}'")
        self.client.close()
