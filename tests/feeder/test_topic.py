"""Records in a real Kafka topic, and the way back."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import artifact_cache, quiet
from tests.feeder.conftest import Desk
from tests.feeder.processes import until
from typer.testing import CliRunner

from twilight.bus.producer import Producer
from twilight.cli.feeder import app
from twilight.feeder.recorder import UNACKNOWLEDGED_MAX, Recorder, TopicSink
from twilight.local import artifacts
from twilight.local.servers import Kafka, free_ports

pytestmark = pytest.mark.servers


def recompute(key: bytes, *arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["recompute", "--public-keys", key.hex(), *arguments])
    return result.exit_code, result.output.splitlines()


def test_ticks_that_were_made_while_kafka_was_away_are_recorded_when_it_is_back(
    tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Kafka(artifacts.fetch("kafka", artifact_cache(), quiet), tmp_path / "kafka", *free_ports(2))
    server.start()
    monkeypatch.setenv("BROKER", server.brokers)
    recorder = Recorder(desk.config, sink := TopicSink(server.brokers, "PriceFeedTopic"))
    try:
        for number in range(20):
            recorder.offer(desk.tick(number % 7))
        until(lambda: recorder.recorded == 20, "the ticks are handed over")
        server.stop()
        for number in range(2_500):
            recorder.offer(desk.tick(number % 7))
        until(lambda: sink.waiting == UNACKNOWLEDGED_MAX, "no more is handed over")
        server.start()
        until(lambda: recorder.recorded == 2_520, "the rest is handed over")
        recorder.close(20.0)
        assert (recorder.recorded, recorder.lost) == (2_520, 0)
        assert recompute(desk.key.public) == (0, ["2520 ticks recomputed, 0 gaps, 0 repeated"])
    finally:
        server.stop()


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
    part = ["--from-offset", str(ticks - 100)]
    code, (gap, summary) = recompute(desk.key.public, *part)
    assert (code, gap.split()[0], summary.split()[0]) == (0, "gap:", str(100 + ticks // 240))
    told = CliRunner().invoke(app, ["explain", "1000"])
    assert "HEALTHY means: fully backed" in told.stdout
    assert CliRunner().invoke(app, ["explain", str(ticks), *part]).stdout.startswith(f"Tick {ticks} of epoch")
    assert CliRunner().invoke(app, ["explain", "1000", *part]).exit_code == 1
    producer = Producer(kafka)
    producer.send(name, b"", b"not a record")
    producer.flush(10)
    exit_code, lines = recompute(desk.key.public)
    assert exit_code == 1
    assert lines[0].startswith(f"{name} offset {ticks + ticks // 240}: no price feed record: JSON is malformed")
