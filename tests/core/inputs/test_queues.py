import pytest

from twilight.core.inputs.queues import QueueSpec, parse_queues, start_of
from twilight.ops.errors import SettingsError


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


def test_two_queues_of_one_topic_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one queue of each topic, found several of one:9092/t"):
        parse_queues("a@one:9092/t,b@one:9092/t,c@two:9092/t")


def test_a_queue_that_got_another_name_is_not_read_from_its_start() -> None:
    positions = {"a": ("id-1", 41), "b": ("id-2", 7)}
    with pytest.raises(
        SettingsError, match=r"was read as a up to offset 41; call it a, .*ORDER_QUEUE_START=main=<offset>"
    ):
        start_of("main", "id-1", positions, {})
    assert start_of("main", "id-1", positions, {"main": 42}) == 42
    assert start_of("main", "id-3", positions, {}) is None


def test_a_queue_that_was_never_read_is_read_from_its_start() -> None:
    assert start_of("a", "id-1", {}, {}) is None


def test_a_queue_is_read_on_after_the_last_command_that_is_in_the_log() -> None:
    assert start_of("a", "id-1", {"a": ("id-1", 41)}, {}) == 42


def test_a_topic_that_was_made_anew_is_read_only_from_where_the_operator_says() -> None:
    positions = {"a": ("id-1", 41)}
    with pytest.raises(SettingsError, match=r"made anew .* a=<offset>"):
        start_of("a", "id-2", positions, {"b": 0})
    assert start_of("a", "id-2", positions, {"a": 7}) == 7


def test_a_named_start_does_not_move_a_queue_whose_topic_is_the_same() -> None:
    assert start_of("a", "id-1", {"a": ("id-1", 41)}, {"a": 7}) == 42
