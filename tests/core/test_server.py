"""The core process on the real Kafka: what it does for operators, and what it does when something is wrong."""

import json
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.processes import CoreProcess, TickServer, running, until
from tests.core.traffic import answers, create, whole_log

from twilight.bus import Producer, TopicSpec, ensure
from twilight.core.replay import LogSettings, from_kafka, replay

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]

Sender = Callable[..., dict[str, Any]]


@pytest.fixture
def core(environment: dict[str, str], tmp_path: Path) -> Iterator[CoreProcess]:
    with running(environment, tmp_path / "core.log") as process:
        process.until_serving()
        yield process


@pytest.fixture
def send(environment: dict[str, str]) -> Iterator[Sender]:
    """Return what sends a record to an order queue and gives its answer's data."""
    producer = Producer(environment["BROKER"])

    def sent(value: bytes, topic: str = environment["RPC_CLIENT_REQUEST"]) -> dict[str, Any]:
        ensure(environment["BROKER"], [TopicSpec(topic)])
        producer.send(topic, b"key", value)
        producer.flush(10)
        offset = whole_log(environment["BROKER"], topic)[-1].offset
        return until(lambda: answer_at(environment, topic, offset), f"{topic} {offset} is answered", 20)

    return sent


def answer_at(environment: dict[str, str], queue: str, offset: int) -> dict[str, Any] | None:
    log = whole_log(environment["BROKER"], environment["CORE_EVENT_LOG"])
    places = {(meta.get("queue"), meta.get("offset")): data for meta, data in answers(log)}
    return places.get((queue, str(offset)))


def request_id(number: int) -> str:
    return f"REQID{number:064X}"


@pytest.mark.usefixtures("core")
def test_a_signed_ticks_text_stands_in_the_log_and_a_command_after_it_is_filled(
    send: Sender, environment: dict[str, str], ticks: TickServer
) -> None:
    assert send(create("a", request_id(1)))["order_status"] == "FILLED"
    log = whole_log(environment["BROKER"], environment["CORE_EVENT_LOG"])
    prices = [json.loads(r.key or b"")["metadata"] for r in log if b"CurrentPriceUpdate" in (r.value or b"")]
    assert prices[-1]["tick"].startswith(f"PF1|BTC-USD|{ticks.feeder.epoch}|")
    assert set(prices[-1]) == {"tick", "kid", "sig"}


def test_a_stop_signal_ends_the_core_cleanly_and_its_snapshot_gives_the_same_state(
    core: CoreProcess, send: Sender, environment: dict[str, str], tmp_path: Path
) -> None:
    send(create("a", request_id(1)))
    assert core.stop() == 0
    core.start()
    core.until_serving()
    ready = until(lambda: (told := core.readiness()).get("state_hash") and told, "there is a hash", 10)
    log = LogSettings(broker=environment["BROKER"], core_event_log=environment["CORE_EVENT_LOG"])
    assert replay(from_kafka(log), until=ready["state_hash_offset"]).state_hash == ready["state_hash"]
    assert '"event":"snapshot loaded"' in (tmp_path / "core.log").read_text()


def test_a_damaged_snapshot_is_left_aside_for_the_log(core: CoreProcess, send: Sender, tmp_path: Path) -> None:
    send(create("a", request_id(1)))
    core.stop()
    (snapshot,) = (tmp_path / "core-a" / "core").glob("snapshot-*")
    snapshot.write_bytes(snapshot.read_bytes()[:-5])
    core.start()
    core.until_serving()
    assert core.readiness()["orders"] == 1
    assert '"event":"snapshot left aside"' in (tmp_path / "core.log").read_text()


def test_a_feed_that_falls_silent_stops_trading_and_says_so(core: CoreProcess, send: Sender, ticks: TickServer) -> None:
    assert send(create("a", request_id(1)))["order_status"] == "FILLED"
    ticks.silent = True
    until(lambda: "HOLD" in core.readiness()["checks"]["feed"], "the feed is on hold", 10)
    refused = send(create("b", request_id(2)))
    assert refused["order_status"] == "RejectedByRiskEngine"
    assert refused["reason"].startswith("PRICE_FEED_PAUSED")
    ticks.silent = False
    until(lambda: core.readiness()["checks"]["feed"] == "ok", "the feed is back", 10)
    assert send(create("c", request_id(3)))["order_status"] == "FILLED"


@pytest.mark.usefixtures("core")
def test_what_is_no_command_goes_to_the_failed_topic_in_the_same_transaction(
    send: Sender, environment: dict[str, str]
) -> None:
    assert send(b"hello")["order_status"] == "SerializationError"
    (kept,) = whole_log(environment["BROKER"], environment["RPC_CLIENT_FAILED_REQUEST"])
    assert json.loads(kept.value or b"") == b"hello".hex()


class TestAdministration:
    def test_calls_are_answered_after_they_are_in_the_log(self, core: CoreProcess, environment: dict[str, str]) -> None:
        answer = core.admin("SetMarketHalt", {"enabled": True})
        assert answer["result"]["halt_enabled"] is True
        log = whole_log(environment["BROKER"], environment["CORE_EVENT_LOG"])
        (halt,) = (r for r in log if b"SetManualHalt" in (r.value or b""))
        assert json.loads(halt.key or b"")["metadata"]["actor"].startswith("127.0.0.1:")
        assert core.admin("GetRiskStats")["result"]["status"] == "HALT"

    def test_without_the_token_nothing_is_told_and_nothing_done(self, core: CoreProcess) -> None:  # W-44
        with pytest.raises(urllib.error.HTTPError, match="401"):
            core.admin("GetRiskStats", token="guessed")  # noqa: S106 - a wrong one

    def test_a_number_out_of_bounds_changes_nothing(self, core: CoreProcess) -> None:
        before = core.admin("GetRiskParams")["result"]
        refused = core.admin("UpdateRiskParams", {"mm_ratio": 0.1, "max_leverage": 20.0})
        assert refused["error"]["code"] == -32602
        assert core.admin("GetRiskParams")["result"] == before

    def test_a_debug_switch_of_the_reference_is_no_method(self, core: CoreProcess) -> None:  # W-44
        assert core.admin("CheckVector", {"key": 16})["error"]["code"] == -32601

    def test_exit_takes_a_snapshot_and_ends_the_process(self, core: CoreProcess, tmp_path: Path) -> None:
        answer = core.admin("SetMarketHalt", {"enabled": True, "exit_relayer": True})
        assert answer["result"]["exit_initiated"] is True
        assert answer["result"]["funding_paused"] is True
        assert core.process is not None
        assert core.process.wait(10) == 0
        assert list((tmp_path / "core-a" / "core").glob("snapshot-*"))


class TestOrderQueues:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        broker, second = environment["BROKER"], environment["RPC_CLIENT_REQUEST"] + "-second"
        names = {environment["RPC_CLIENT_REQUEST"]: broker, second: broker, "away": "127.0.0.1:1"}
        return environment | {"ORDER_QUEUES": ",".join(f"{name}@{at}/{name}" for name, at in names.items())}

    @pytest.fixture
    def core(self, environment: dict[str, str], tmp_path: Path) -> Iterator[CoreProcess]:
        with running(environment, tmp_path / "core.log") as process:
            process.until_role("leader")
            yield process

    def test_a_queue_that_is_away_does_not_stop_the_others(
        self, core: CoreProcess, send: Sender, environment: dict[str, str]
    ) -> None:
        second = environment["RPC_CLIENT_REQUEST"] + "-second"
        assert send(create("a", request_id(1)))["order_status"] == "FILLED"
        assert send(create("b", request_id(2)), topic=second)["order_status"] == "FILLED"
        until(lambda: core.readiness()["checks"].get("queue away", "").startswith("error"), "it is told", 20)


def test_a_core_whose_settings_are_wrong_says_every_fault_in_a_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    wrong = environment | {"PRICE_FEED_KEYS": "abc", "ORDER_QUEUES": "nonsense", "FILLED_ON_MARKET": "11"}
    core = CoreProcess(wrong, tmp_path / "core.log")
    with pytest.raises(AssertionError, match="PRICE_FEED_KEYS") as told:
        core.start()
    text = str(told.value)
    assert "ORDER_QUEUES" in text
    assert "FILLED_ON_MARKET" in text


@pytest.mark.parametrize("setting", ["CORE_EVENT_LOG", "CORE_INTENT_TOPIC"])
def test_a_core_does_not_write_a_log_that_is_compacted(
    setting: str, environment: dict[str, str], tmp_path: Path
) -> None:  # W-23
    topic = environment[setting]
    ensure(environment["BROKER"], [TopicSpec(topic, cleanup="compact")])
    with running(environment, tmp_path / "core.log") as core:
        assert core.process is not None
        assert core.process.wait(60) == 1
    assert f"{topic}: expected cleanup.policy=delete" in (tmp_path / "core.log").read_text()
    assert whole_log(environment["BROKER"], topic) == []


@pytest.mark.parametrize("setting", ["CORE_EVENT_LOG", "CORE_INTENT_TOPIC", "RPC_CLIENT_FAILED_REQUEST"])
def test_a_core_does_not_write_to_a_topic_that_would_refuse_a_large_transaction(
    setting: str, environment: dict[str, str], tmp_path: Path
) -> None:
    topic = environment[setting]
    ensure(environment["BROKER"], [TopicSpec(topic, message_bytes_max=1_048_588)])  # as a broker makes it by itself
    with running(environment, tmp_path / "core.log") as core:
        assert core.process is not None
        assert core.process.wait(60) == 1
    assert f"{topic}: expected max.message.bytes=16777216 or more; set it" in (tmp_path / "core.log").read_text()


def test_a_core_that_writes_for_the_references_readers_refuses_what_they_cannot_fetch(
    environment: dict[str, str], tmp_path: Path
) -> None:  # F1
    large = json.loads(create("a", request_id(1)))
    large["CreateTraderOrder"][2] = "00" * 50_000
    environment["RUST_READERS"] = "true"
    producer = Producer(environment["BROKER"])
    ensure(environment["BROKER"], [TopicSpec(environment["RPC_CLIENT_REQUEST"])])
    with running(environment, tmp_path / "core.log") as core:
        core.until_serving()
        for value in (json.dumps(large).encode(), create("b", request_id(2))):
            producer.send(environment["RPC_CLIENT_REQUEST"], b"key", value)
        producer.flush(10)
        found = [
            until(lambda at=at: answer_at(environment, environment["RPC_CLIENT_REQUEST"], at), "it is answered", 20)
            for at in (0, 1)
        ]
    assert [answer["order_status"] for answer in found] == ["SerializationError", "FILLED"]
    log = whole_log(environment["BROKER"], environment["CORE_EVENT_LOG"])
    assert max(len(record.value or b"") for record in log) < 31 * 1024


def test_a_standby_refuses_an_administrators_call_at_once(
    core: CoreProcess, environment: dict[str, str], tmp_path: Path
) -> None:
    core.until_role("leader")
    with running({**environment, "DATA_DIR": str(tmp_path / "core-b")}, tmp_path / "b.log") as standby:
        standby.until_role("standby")
        found = standby.admin("SetMarketCloseOnly", {"enabled": True})
        assert "does not lead" in found["error"]["message"]
        assert core.admin("GetRiskStats")["result"]["status"] == "HEALTHY"


def test_two_cores_do_not_share_a_folder(core: CoreProcess, environment: dict[str, str], tmp_path: Path) -> None:
    other = CoreProcess(environment, tmp_path / "other.log")
    with pytest.raises(AssertionError, match="another core runs in"):
        other.start()
    time.sleep(0.5)
    assert core.readiness()["role"] == "leader"
