from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY

from twilight.bus import MESSAGE_BYTES_MAX, Record
from twilight.bus.topics import TopicSettings
from twilight.core.clock import Clock
from twilight.core.inputs.order_queues import OrderQueues
from twilight.core.inputs.queues import QueueSpec
from twilight.core.ports import RealKafka, World
from twilight.domain.books.state import State
from twilight.ops.errors import Corrupt, SettingsError, TwilightError, Unavailable
from twilight.ops.health import Health

TOPIC, TOPIC_ID = "CLIENT-REQUEST", "id-1"


class Reader:
    """Gives the records from a start on, one a call, and raises what stands among them."""

    def __init__(self, topic: "Topic", start: int | None) -> None:
        self._topic = topic
        self._offset = start or 0

    @property
    def is_away(self) -> bool:
        return self._topic.is_away

    def read(self, max_records: int, timeout_s: float) -> list[Record]:  # noqa: ARG002 - the reader's signature
        if self._topic.fault is not None:
            fault, self._topic.fault = self._topic.fault, None
            raise fault
        if self.is_away:
            return []
        self._offset += 1
        return [Record(TOPIC, 0, self._offset - 1, 0, b"key", b"no command")]

    def close(self) -> None:
        self._topic.closed += 1


class Topic(RealKafka):
    """A cluster that holds one topic."""

    def __init__(self) -> None:
        self.fault: TwilightError | None = None
        self.closed = 0
        self.is_away = False
        self.policy = "delete"

    def ensure(self, brokers: str, names: Sequence[str]) -> dict[str, str]:  # noqa: ARG002 - the cluster's signature
        return dict.fromkeys(names, TOPIC_ID)

    def topic_settings(self, brokers: str, topic: str) -> TopicSettings:  # noqa: ARG002 - the cluster's signature
        return TopicSettings(self.policy, MESSAGE_BYTES_MAX)

    def reader(self, brokers: str, topic: str, start: int | None) -> Reader:  # type: ignore[override]  # noqa: ARG002
        return Reader(self, start)


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def queues(topic: Topic, health: Health) -> OrderQueues:
    world = World(topic, lambda _name, work: work(), str)
    made = OrderQueues((QueueSpec("a", "one:9092", TOPIC),), "one:9092", health, world, Clock())
    made.open(State(queues={"a": (TOPIC_ID, 6)}), {})
    return made


def offsets(queues: OrderQueues) -> list[int]:
    return [arrival.given.position.offset for arrival in queues.read(10) if arrival.given.position]


def test_a_queue_that_was_away_is_read_on_where_it_broke_off(queues: OrderQueues, topic: Topic, health: Health) -> None:
    assert offsets(queues) == [7]
    topic.fault = Unavailable("the broker is away")
    assert offsets(queues) == []
    assert (offsets(queues), topic.closed, health.ready()) == ([8], 1, True)


def test_a_queue_that_breaks_off_before_its_first_record_begins_where_it_was_to_begin(
    queues: OrderQueues, topic: Topic
) -> None:
    topic.fault = Unavailable("the broker is away")
    assert (offsets(queues), offsets(queues)) == ([], [7])


def test_operators_hear_of_a_queue_whose_cluster_is_silent(queues: OrderQueues, topic: Topic, health: Health) -> None:
    def told() -> tuple[dict[str, str], float | None]:
        read = REGISTRY.get_sample_value("twilight_core_queue_read", {"queue": "a"})
        return health.as_dict()["checks"], read  # type: ignore[return-value]

    assert told() == ({"queue a": "ok"}, 1)
    topic.is_away = True
    assert offsets(queues) == []
    assert told() == ({"queue a": "error: no broker answers"}, 0)
    topic.is_away = False
    assert offsets(queues) == [7]
    assert told() == ({"queue a": "ok"}, 1)


def test_a_queue_that_was_cut_is_left_to_the_operator(queues: OrderQueues, topic: Topic, health: Health) -> None:
    topic.fault = Corrupt("position outside of the log")
    assert (offsets(queues), offsets(queues)) == ([], [])
    assert health.as_dict()["checks"] == {"queue a": "error: position outside of the log"}


def test_a_compacted_queue_is_refused_with_what_to_do(topic: Topic, health: Health) -> None:
    topic.policy = "compact"
    world = World(topic, lambda _name, work: work(), str)
    queues = OrderQueues((QueueSpec("a", "one:9092", TOPIC),), "one:9092", health, world, Clock())
    queues.open(State(), {})
    with pytest.raises(SettingsError, match=r"CLIENT-REQUEST: expected cleanup\.policy=delete; .*kafka-configs"):
        queues.read(10)


def test_the_lag_of_a_queue_is_how_long_its_oldest_command_has_stood_there(topic: Topic, health: Health) -> None:
    world = World(topic, lambda _name, work: work(), str)
    clock = Clock(lambda: 7_500 * 10**6)
    queues = OrderQueues((QueueSpec("lagging", "one:9092", TOPIC),), "one:9092", health, world, clock)
    queues.open(State(), {})
    queues.read(10)
    assert REGISTRY.get_sample_value("twilight_core_queue_lag_seconds", {"queue": "lagging"}) == 7.5
