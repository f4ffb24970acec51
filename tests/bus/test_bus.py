"""Topics, readers and producers on the real Kafka."""

import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from twilight.bus import (
    Aborted,
    Fenced,
    LogReader,
    Producer,
    Record,
    TopicSpec,
    TransactionalProducer,
    Unacknowledged,
    ensure,
)
from twilight.bus.producer import MESSAGE_BYTES_MAX
from twilight.bus.reader import PASSING_ERRORS, _is_passing
from twilight.bus.topics import TopicSettings, topic_settings
from twilight.ops.errors import Corrupt, Unavailable

pytestmark = pytest.mark.servers

NOWHERE = "127.0.0.1:1"
RUST_FETCH_BYTES = 32_768


@pytest.fixture
def log(kafka: str, topic: Callable[[str], str]) -> str:
    name = topic("log")
    ensure(kafka, [TopicSpec(name)])
    return name


@pytest.fixture
def writer(kafka: str, log: str) -> TransactionalProducer:
    producer = TransactionalProducer(kafka, f"writer-of-{log}")
    producer.init()
    return producer


def read_to_end(reader: LogReader) -> Iterator[Record]:
    while not reader.at_end():
        yield from reader.read(100, 0.2)


def read_for_ten_seconds(reader: LogReader) -> None:
    for _ in range(50):
        reader.read(1, 0.2)


def test_a_topic_that_is_there_is_left_as_it_is_and_keeps_its_id(kafka: str, topic: Callable[[str], str]) -> None:
    name = topic("twice")
    first = ensure(kafka, [TopicSpec(name, cleanup="compact", message_bytes_max=1_000_000)])
    assert ensure(kafka, [TopicSpec(name)]) == first
    assert topic_settings(kafka, name) == TopicSettings("compact", 1_000_000)


def test_what_is_sent_is_read_back_byte_for_byte_with_the_brokers_time(kafka: str, log: str) -> None:
    producer = Producer(kafka)
    producer.send(log, b"key", b"value")
    producer.send(log, None, b"")
    producer.flush(10)
    with LogReader(kafka, log, start="earliest") as reader:
        found = list(read_to_end(reader))
    assert [(r.offset, r.key, r.value) for r in found] == [(0, b"key", b"value"), (1, None, b"")]
    assert all(record.timestamp_ms > 1_600_000_000_000 for record in found)


def test_a_transaction_returns_the_offset_of_its_last_record(
    kafka: str, log: str, writer: TransactionalProducer
) -> None:
    first = writer.publish([(log, b"a", b"1"), (log, b"b", b"2")])
    second = writer.publish([(log, b"c", b"3")])
    assert (first, second) == ({log: 1}, {log: 3})  # offset 2 is the marker of the first transaction
    with LogReader(kafka, log, start="earliest") as reader:
        assert [record.value for record in read_to_end(reader)] == [b"1", b"2", b"3"]
        assert reader.position() == reader.end_offset() == 5


def test_a_reader_like_the_references_which_takes_no_larger_answer_reads_what_was_written_for_it(
    kafka: str, log: str
) -> None:  # F1
    writer = TransactionalProducer(kafka, f"writer-of-{log}", rust_readers=True)
    writer.init()
    written = [b"%04d" % number + bytes(1_000) for number in range(500)]
    writer.publish([(log, None, value) for value in written])
    small = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": log,
            "fetch.max.bytes": RUST_FETCH_BYTES,
            "message.max.bytes": RUST_FETCH_BYTES,
            "receive.message.max.bytes": RUST_FETCH_BYTES + 512,
            "log_level": 2,
        }
    )
    small.assign([TopicPartition(log, 0, 0)])
    found: list[bytes | None] = []
    while len(found) < len(written):
        messages = small.consume(1_000, 10.0)
        assert messages
        assert [message.error() for message in messages if message.error() is not None] == []
        found += [message.value() for message in messages]
    small.close()
    assert found == written


def test_a_reader_starts_where_it_is_told(kafka: str, log: str, writer: TransactionalProducer) -> None:
    writer.publish([(log, None, str(number).encode()) for number in range(5)])
    with LogReader(kafka, log, start=3) as middle, LogReader(kafka, log, start="end") as end:
        assert [record.value for record in read_to_end(middle)] == [b"3", b"4"]
        assert end.read(10, 0.2) == []
        writer.publish([(log, None, b"new")])
        assert [record.value for record in end.read(10, 5.0)] == [b"new"]


def test_a_new_writer_fences_the_old_one(kafka: str, log: str, writer: TransactionalProducer) -> None:
    writer.publish([(log, None, b"old")])
    TransactionalProducer(kafka, f"writer-of-{log}").init()
    with pytest.raises(Fenced):
        writer.publish([(log, None, b"too late")])
    with LogReader(kafka, log, start="earliest") as reader:
        assert [record.value for record in read_to_end(reader)] == [b"old"]


def test_a_transaction_that_failed_leaves_nothing_to_read_once_the_writer_has_started_again(
    kafka: str, log: str, writer: TransactionalProducer
) -> None:
    with pytest.raises(Aborted):
        writer.publish([(log, None, b"first half"), (log, None, b"x" * (17 * 1024 * 1024))])
    TransactionalProducer(kafka, f"writer-of-{log}").init()
    with LogReader(kafka, log, start="earliest") as reader:
        assert list(read_to_end(reader)) == []


def test_a_position_outside_of_the_log_is_corruption(kafka: str, log: str) -> None:
    with LogReader(kafka, log, start=1_000) as reader, pytest.raises(Corrupt):
        read_for_ten_seconds(reader)


def test_a_group_keeps_the_position_that_was_committed(kafka: str, log: str, writer: TransactionalProducer) -> None:
    writer.publish([(log, None, b"1"), (log, None, b"2")])
    with LogReader(kafka, log, start="earliest", group=f"group-{log}") as reader:
        assert reader.committed() is None
        reader.commit(1)
        while reader.committed() is None:
            reader.read(1, 0.1)
        assert reader.committed() == 1


def test_a_reader_knows_whether_a_broker_is_connected(kafka: str, log: str) -> None:
    with LogReader("127.0.0.1:1", "nowhere", start=0) as away, LogReader(kafka, log, start=0) as here:
        deadline = time.monotonic() + 30
        while not away.is_away and time.monotonic() < deadline:
            away.read(1, 0.05)
            here.read(1, 0.05)
        assert (away.is_away, here.is_away) == (True, False)


def test_a_cluster_that_is_away_is_unavailable_not_an_endless_wait() -> None:
    producer = Producer(NOWHERE, delivery_timeout_ms=500)
    producer.send("log", None, b"value")
    with pytest.raises(Unavailable):
        producer.flush(5)
    with pytest.raises(Unavailable):
        TransactionalProducer(NOWHERE, "nobody").init(0.5)


class Failing:
    """A message that carries an error instead of a record."""

    def __init__(self, code: int) -> None:
        self._error = KafkaError(code)

    def topic(self) -> str:
        return "log"

    def error(self) -> KafkaError:
        return self._error


def test_news_that_passes_is_counted_and_no_record() -> None:
    counter = PASSING_ERRORS.labels(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION).name())
    before = counter._value.get()
    assert _is_passing(Failing(KafkaError.NOT_LEADER_FOR_PARTITION))  # type: ignore[arg-type]
    assert counter._value.get() == before + 1


@pytest.mark.parametrize(
    ("code", "raised"),
    [(KafkaError.OFFSET_OUT_OF_RANGE, Corrupt), (KafkaError.UNKNOWN_TOPIC_OR_PART, Unavailable)],
)
def test_news_that_does_not_pass_is_raised(code: int, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        _is_passing(Failing(code))  # type: ignore[arg-type]


def test_a_record_that_was_never_acknowledged_is_told_to_be_in_doubt_and_to_its_sender_alone() -> None:
    fates: list[Unavailable | None] = []
    producer = Producer(NOWHERE, delivery_timeout_ms=500)
    producer.send("log", None, b"value", fates.append)
    producer.flush(5)
    assert [type(fate) for fate in fates] == [Unacknowledged]


def test_a_record_that_is_in_the_log_is_told_so(kafka: str, log: str) -> None:
    fates: list[Unavailable | None] = []
    producer = Producer(kafka)
    producer.send(log, None, b"value", fates.append)
    producer.flush(20)
    assert fates == [None]


def test_a_record_that_the_client_refuses_is_unavailable_not_a_foreign_error() -> None:
    with pytest.raises(Unavailable, match="does not take a record"):
        Producer("127.0.0.1:1").send("any", None, bytes(MESSAGE_BYTES_MAX + 1))
