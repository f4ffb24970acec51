"""The day of the story on real servers: its topics, archived, and an audit of them."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg
from tests.archiver.archiving import Archive, prepare
from tests.audit.story import log_records, queue_records

from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.writer import Writer
from twilight.audit.run import Parts, audit
from twilight.audit.settings import AuditSettings
from twilight.bus import LogReader, Producer, Record, TopicSpec, ensure

POSTGRES_ALONE = Parts(core=False, questdb=False)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the exchange on real servers."""

    settings: AuditSettings
    parts: Parts = POSTGRES_ALONE

    def faults(self) -> dict[str, list[str]]:
        """Return the findings that do not hold."""
        return {finding.name: finding.faults for finding in audit(self.settings, self.parts) if not finding.holds}

    def tamper(self, statement: str) -> None:
        """Change the tables behind everybody's back."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            assert connection.execute(statement.encode()).rowcount > 0


def archived_day(
    kafka: str,
    topic: Callable[[str], str],
    database_url: str,
    log: Sequence[Record] | None = None,
    queue: Sequence[Record] | None = None,
    intents: Sequence[Record] = (),
) -> Day:
    """Return a day whose log and order queue are on Kafka and archived; the story's own unless others are given."""
    topics = {name: topic(name) for name in ("log", "queue", "failed", "state", "intents")}
    ensure(kafka, [TopicSpec(name) for name in topics.values()])
    producer = Producer(kafka)
    given = {
        "log": log_records() if log is None else log,
        "queue": queue_records() if queue is None else queue,
        "intents": intents,
    }
    for name, records in given.items():
        for record in records:
            producer.send(topics[name], record.key, record.value or b"")
    producer.flush(30.0)
    prepare(database_url)
    archive = Archive(database_url)
    archive.feed(_whole(kafka, topics["log"]))
    archive.close()
    with closing(connect(database_url)) as connection:
        writer = Writer(connection, "requests")
        reader = writer.open()
        if records := _whole(kafka, topics["queue"]):
            writer.write(reader.entries(records))
    return Day(
        AuditSettings(
            broker=kafka,
            core_event_log=topics["log"],
            core_intent_topic=topics["intents"],
            rpc_client_request=topics["queue"],
            rpc_client_failed_request=topics["failed"],
            relayer_state_queue=topics["state"],
            order_queues=f"CLIENT-REQUEST@{kafka}/{topics['queue']}",
            database_url=database_url,
            audit_wait_s=5,
        ),
    )


def _whole(kafka: str, topic: str) -> list[Record]:
    found: list[Record] = []
    with LogReader(kafka, topic, start="earliest") as reader:
        end = reader.end_offset()
        while end and reader.position() < end:
            found += reader.read(1_000, 1.0)
    return found
