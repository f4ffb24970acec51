"""Records in a real Kafka topic, and the way back."""

import time
from collections.abc import Callable

import pytest
from tests.feeder.conftest import Desk
from typer.testing import CliRunner

from twilight.bus.producer import Producer
from twilight.cli.feeder import app
from twilight.feeder.recorder import Recorder, TopicSink

pytestmark = pytest.mark.servers


def recompute(key: bytes, *arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["recompute", "--public-keys", key.hex(), *arguments])
    return result.exit_code, result.output.splitlines()


@pytest.mark.parametrize("ticks", [1_200, pytest.param(14_400, marks=pytest.mark.slow)], ids=["minutes", "hour"])
def test_ticks_in_the_topic_recompute_and_a_record_that_is_none_is_named(
    kafka: str, topic: Callable[[str], str], desk: Desk, monkeypatch: pytest.MonkeyPatch, ticks: int
) -> None:
    name = topic("PriceFeedTopic")
    monkeypatch.setenv("BROKER", kafka)
    monkeypatch.setenv("PRICE_FEED_TOPIC", name)
    recorder = Recorder(desk.config, TopicSink(kafka, name))
    for number in range(ticks):
        recorder.offer(desk.tick(number % 7))
        while recorder._waiting.qsize() > 5_000:
            time.sleep(0.01)
    recorder.close(20.0)
    assert (recorder.recorded, recorder.lost) == (ticks, 0)
    assert recompute(desk.key.public) == (0, [f"{ticks} ticks recomputed, 0 gaps, 0 repeated"])
    told = CliRunner().invoke(app, ["explain", "1000"])
    assert "HEALTHY means: fully backed" in told.stdout
    producer = Producer(kafka)
    producer.send(name, b"", b"not a record")
    producer.flush(10)
    exit_code, lines = recompute(desk.key.public)
    assert exit_code == 1
    assert lines[0].startswith(f"{name} offset {ticks + ticks // 240}: no price feed record: JSON is malformed")
