"""The archiver as a process: four topics, a standby, kills anywhere (storage specification 3.2 and 11)."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from archiving import Archive, recorded
from confluent_kafka.admin import AdminClient
from serving import Service, Stack, wait_until

from conftest import MakeArchive
from twilight.bus import Record, TopicSpec, ensure

pytestmark = pytest.mark.servers
KILLS = 6


@pytest.fixture
def stack(kafka: str, databases: Callable[[], str], topic: Callable[[str], str], tmp_path: Path) -> Iterator[Stack]:
    made = Stack(kafka, databases(), topic, tmp_path)
    yield made
    made.close()


def stored(stack: Stack, stream: str = "core") -> int:
    """Return how many records of a stream are archived."""
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM event_log WHERE stream = %s", (stream,)).fetchone()
        return int(row[0]) if row else 0


def test_all_four_topics_are_stored_raw_and_only_events_feed_tables(
    stack: Stack, reference_log: list[Record], shared_dir: Path
) -> None:
    folder = shared_dir / "data" / "reference-log"
    requests = recorded(folder / "CLIENT-REQUEST.jsonl.gz")
    states = recorded(folder / "RelayerStateQueue.jsonl.gz")
    stack.produce("core", reference_log[:300])
    stack.produce("requests", requests)
    stack.produce("state", states)
    service = stack.start()

    wait_until(lambda: [stored(stack, s) for s in ("core", "requests", "state")] == [300, len(requests), len(states)])
    wait_until(lambda: service.ready().get("status") == "ok")
    archive = Archive(stack.environment["DATABASE_URL"], reads_only=True)
    assert archive.dead() == []
    assert archive.one("SELECT count(DISTINCT src_stream) FROM transaction_hash") == 1
    raw = archive.rows("SELECT key_raw, payload_raw FROM event_log WHERE stream = 'requests' ORDER BY \"offset\"")
    assert raw == [(record.key, record.value) for record in requests]
    archive.close()
    assert service.stop() == 0


def test_killed_anywhere_it_loses_nothing_and_doubles_nothing(
    stack: Stack, archives: MakeArchive, reference_log: list[Record]
) -> None:
    dice = random.Random(11)
    part = reference_log[:2_400]
    for _ in range(2):
        stack.start()
    for kill in range(KILLS):
        stack.produce("core", part[kill * 400 : kill * 400 + 400])
        aim = kill * 400 + dice.randrange(1, 400)
        wait_until(lambda aim=aim: stored(stack) >= aim, what=f"{aim} records")  # type: ignore[misc]
        stack.kill_one(dice)
    wait_until(lambda: stored(stack) == len(part), what="the whole log")
    stack.close()

    killed, clean = Archive(stack.environment["DATABASE_URL"], reads_only=True), archives()
    with_times = killed.rows(
        'SELECT "offset", (extract(epoch FROM broker_ts) * 1000)::bigint, key_raw, payload_raw FROM event_log'
        " ORDER BY 1"
    )
    clean.feed([Record("core", 0, offset, ms, key, value) for offset, ms, key, value in with_times])
    tables, expected = killed.tables(), clean.tables()
    killed.close()
    assert [row[2:] for row in with_times] == [(record.key, record.value) for record in part]
    assert tables == expected


def test_a_second_archiver_waits_and_takes_over(stack: Stack, reference_log: list[Record]) -> None:
    stack.produce("core", reference_log[:50])
    first = stack.start()
    wait_until(lambda: stored(stack) == 50)
    second = stack.start()
    wait_until(lambda: state_of(second) == "standby")

    first.kill()
    stack.produce("core", reference_log[50:90])
    wait_until(lambda: stored(stack) == 90)
    wait_until(lambda: state_of(second) == "active")


def state_of(service: Service) -> str | None:
    found: dict[str, str] = service.ready().get("streams", {}).get("core", {})
    return found.get("state")


def test_a_session_that_the_server_ends_is_started_again(stack: Stack, reference_log: list[Record]) -> None:
    stack.produce("core", reference_log[:50])
    stack.start()
    wait_until(lambda: stored(stack) == 50)
    with psycopg.connect(stack.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'twilight-archiver' AND datname = current_database()"
        )
    stack.produce("core", reference_log[50:90])

    wait_until(lambda: stored(stack) == 90)


def test_a_topic_made_anew_stops_it_instead_of_mixing_two_logs(stack: Stack, reference_log: list[Record]) -> None:
    stack.produce("core", reference_log[:50])
    service = stack.start()
    wait_until(lambda: stored(stack) == 50)
    assert service.stop() == 0
    name = stack.topics["core"]
    make_anew(stack.brokers, name)
    again = stack.start()

    assert again.process.wait(60) == 1
    assert "the topic was made anew" in stack.log.read_text()


def make_anew(brokers: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.delete_topics([name])[name].result()
    wait_until(lambda: name not in admin.list_topics(timeout=10).topics)
    ensure(brokers, [TopicSpec(name)])


def test_a_compacted_log_is_refused_unless_told_otherwise(
    stack: Stack, topic: Callable[[str], str], reference_log: list[Record]
) -> None:
    stack.topics["core"] = stack.environment["CORE_EVENT_LOG"] = topic("compacted")
    ensure(stack.brokers, [TopicSpec(stack.topics["core"], cleanup="compact")])
    assert stack.start().process.wait(60) == 1
    assert "is compacted" in stack.log.read_text()

    stack.environment["ALLOW_COMPACTED"] = "true"
    stack.produce("core", reference_log[:20])
    stack.start()
    wait_until(lambda: stored(stack) == 20)
