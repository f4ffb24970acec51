"""The whole audit on the real Kafka and PostgreSQL: it is silent about a good day, and names what was tampered with."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
from tests.archiver.archiving import Archive, prepare
from tests.audit.story import log_records, queue_records

from twilight.audit.run import audit
from twilight.audit.settings import AuditSettings
from twilight.bus import LogReader, Producer, TopicSpec, ensure

pytestmark = pytest.mark.servers


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the exchange on real servers."""

    settings: AuditSettings

    def faults(self) -> dict[str, list[str]]:
        """Return the findings that do not hold."""
        return {finding.name: finding.faults for finding in audit(self.settings) if not finding.holds}

    def tamper(self, statement: str) -> None:
        """Change the tables behind everybody's back."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            assert connection.execute(statement.encode()).rowcount > 0


@pytest.fixture
def day(kafka: str, topic: Callable[[str], str], postgres: Callable[[], str]) -> Day:
    log, queue, database_url = topic("log"), topic("queue"), postgres()
    ensure(kafka, [TopicSpec(log), TopicSpec(queue)])
    producer = Producer(kafka)
    for name, records in ((log, log_records()), (queue, queue_records())):
        for record in records:
            producer.send(name, record.key, record.value or b"")
    producer.flush(30.0)
    prepare(database_url)
    archive = Archive(database_url)
    with LogReader(kafka, log, start="earliest") as reader:
        while reader.position() < reader.end_offset():
            archive.feed(reader.read(1_000, 1.0))
    archive.close()
    return Day(
        AuditSettings(
            broker=kafka,
            core_event_log=log,
            order_queues=f"CLIENT-REQUEST@{kafka}/{queue}",
            database_url=database_url,
            audit_wait_s=5,
        ),
    )


def test_a_good_day_passes(day: Day) -> None:
    assert day.faults() == {}


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM btc_usd_price WHERE price = 66500", "PostgreSQL typed rows"),
        ("UPDATE trade SET price = price + 1 WHERE trade_kind = 'CLOSE'", "PostgreSQL states"),
        ("UPDATE candle SET close = close + 1 WHERE length_s = 60", "PostgreSQL candles"),
        ("UPDATE event_log SET payload_raw = payload_raw || ' ' WHERE \"offset\" = 9", "PostgreSQL raw log"),
        ('DELETE FROM event_log WHERE "offset" = 9', "PostgreSQL raw log"),
        ("UPDATE trader_order_current SET available_margin = 1 WHERE account_id = 'B'", "PostgreSQL states"),
    ],
)
def test_a_table_that_was_tampered_with_is_named(day: Day, statement: str, named: str) -> None:
    day.tamper(statement)

    assert list(day.faults()) == [named]
