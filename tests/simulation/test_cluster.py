"""The simulated brokers keep Kafka's promises, and no more than those."""

from random import Random

import pytest
from tests.simulation.cluster import SLOW_MARKER_DELAY_S, Cluster
from tests.simulation.virtual_time import VirtualTime

from twilight.bus import Fenced

TIMEOUT_S = 30.0


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime(0)


@pytest.fixture
def cluster(time: VirtualTime) -> Cluster:
    return Cluster("c", time, Random(1))


def committed(cluster: Cluster) -> list[bytes | None]:
    return [record.value for record, _ in cluster.ensure("log").committed()]


def test_a_transaction_is_seen_when_its_marker_is_written_and_the_marker_takes_an_offset(
    cluster: Cluster, time: VirtualTime
) -> None:
    transaction = cluster.begin("writer", cluster.take_over("writer", "a"), TIMEOUT_S)
    cluster.append_within("writer", transaction, "log", None, b"event")
    cluster.append("log", None, b"of another writer")
    cluster.commit("writer", transaction)
    assert committed(cluster) == []
    time.run(SLOW_MARKER_DELAY_S[1])
    assert committed(cluster) == [b"event", b"of another writer"]
    assert cluster.append("log", None, b"next") == 3


def test_a_newer_writer_rolls_back_what_the_older_one_left_open_and_fences_it(
    cluster: Cluster, time: VirtualTime
) -> None:
    old = cluster.begin("writer", cluster.take_over("writer", "a"), TIMEOUT_S)
    cluster.append_within("writer", old, "log", None, b"lost")
    cluster.take_over("writer", "b")
    with pytest.raises(Fenced):
        cluster.commit("writer", old)
    time.run(SLOW_MARKER_DELAY_S[1])
    assert committed(cluster) == []
    assert cluster.ensure("log").stable_end == 2


def test_a_transaction_that_is_left_open_is_rolled_back_in_time(cluster: Cluster, time: VirtualTime) -> None:
    transaction = cluster.begin("writer", cluster.take_over("writer", "a"), TIMEOUT_S)
    cluster.append_within("writer", transaction, "log", None, b"lost")
    cluster.append("log", None, b"kept")
    time.run(TIMEOUT_S + SLOW_MARKER_DELAY_S[1])
    assert committed(cluster) == [b"kept"]
    with pytest.raises(Fenced):
        cluster.commit("writer", transaction)
