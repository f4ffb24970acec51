import pytest

from twilight.core.queues import Positions, QueueSpec, parse_queues


def test_queues_on_several_clusters_are_read_in_their_order() -> None:
    assert parse_queues("a@one:9092,two:9092/CLIENT-REQUEST, b@three:9092/orders.eu ") == (
        QueueSpec("a", "one:9092,two:9092", "CLIENT-REQUEST"),
        QueueSpec("b", "three:9092", "orders.eu"),
    )


@pytest.mark.parametrize("text", ["a@one:9092", "one:9092/t", "a@/t", "a@one:9092/t;b@two:9092/t", "@one/t"])
def test_a_faulty_entry_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected name@brokers/topic"):
        parse_queues(text)


def test_two_queues_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="several called a"):
        parse_queues("a@one:9092/t,a@two:9092/t")


def test_a_position_is_the_next_offset_and_knows_the_topic_it_belongs_to() -> None:
    positions = Positions()
    assert positions.next_offset("a") is None
    assert positions.foreign("a", "id-1") is None
    positions.advance("a", "id-1", 41)
    assert positions.next_offset("a") == 42
    assert positions.foreign("a", "id-1") is None
    assert positions.foreign("a", "id-2") == "id-1"
