"""Who leads, decided by the real Kafka (decisions C3)."""

import time
from collections.abc import Callable

import pytest

from twilight.bus import TopicSpec, ensure
from twilight.core.leader import Leadership

pytestmark = pytest.mark.servers

WITHIN_S = 60


def until(holds: Callable[[], object]) -> None:
    """Ask again until it holds; each question waits a moment itself."""
    ends_s = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < ends_s


def test_a_core_whose_place_another_of_its_name_has_taken_does_not_lead_any_more(
    kafka: str, topic: Callable[[str], str]
) -> None:
    name = topic("leader")
    ensure(kafka, [TopicSpec(name)])
    first = Leadership(kafka, instance="core-1", topic=name)
    until(lambda: first.poll(0.1))
    second = Leadership(kafka, instance="core-1", topic=name)
    until(lambda: second.poll(0.1))
    until(lambda: first.lost or (first.poll(0.1) and first.lost))
    assert (first.leads, second.leads, second.lost) == (False, True, False)
    for one in (first, second):
        one.close()
