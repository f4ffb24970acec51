"""A core that is killed between sending and recording: one transaction for each order, whatever happens (C11)."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.core.chain.dying_core import POINTS
from tests.core.processes import CoreProcess, running, until
from tests.core.traffic import create, execute, whole_log

from twilight.bus import Producer, TopicSpec, ensure
from twilight.core.replay import LogSettings, from_kafka, replay

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


class Story:
    """One trader, one core after the other, and a chain that outlives them."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.chain = folder / "chain.jsonl"
        self.environment = {
            **environment,
            "ENABLE_ZKOS_CHAIN_TRANSACTION": "true",
            "ZKOS_SERVER_URL": f"fake:{self.chain}?latency_ms=50",
        }
        self.log_path = folder / "core.log"
        self._folder = folder
        ensure(environment["BROKER"], [TopicSpec(environment["RPC_CLIENT_REQUEST"])])

    def send(self, command: bytes) -> None:
        producer = Producer(self.environment["BROKER"])
        producer.send(self.environment["RPC_CLIENT_REQUEST"], b"key", command)
        producer.flush(30)

    def die(self, point: str) -> None:
        """Let a core come to the point at which it is killed."""
        with (self._folder / "dying.log").open("ab") as output:
            died = subprocess.run(
                [sys.executable, "-m", "tests.core.chain.dying_core", point],
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=output,
                timeout=90,
                check=False,
            )
        assert died.returncode == -signal.SIGKILL, (self._folder / "dying.log").read_text()

    def events(self) -> list[dict[str, Any]]:
        log = whole_log(self.environment["BROKER"], self.environment["CORE_EVENT_LOG"])
        return [json.loads(record.value or b"{}") for record in log]

    def answer(self, request_id: str) -> dict[str, Any] | None:
        found = [event["TxHash"] for event in self.events() if event.get("TxHash", {}).get("request_id") == request_id]
        assert len(found) <= 1
        return found[0] if found else None

    def goes_on_until_answered(self, request_id: str) -> dict[str, Any]:
        """Start a core that nobody kills; return what it answers."""
        with running(self.environment, self.log_path) as core:
            answer = until(lambda: self.answer(request_id), "the request is answered", 60)
            self.assert_the_log_says_what_the_core_holds(core)
            assert core.stop() == 0
        return answer

    def assert_the_log_says_what_the_core_holds(self, core: CoreProcess) -> None:
        found = until(lambda: core.readiness() if "state_hash" in core.readiness() else None, "there is a hash", 20)
        settings = LogSettings(broker=self.environment["BROKER"], core_event_log=self.environment["CORE_EVENT_LOG"])
        folded = replay(from_kafka(settings), until=found["state_hash_offset"])
        assert folded.state_hash == found["state_hash"]

    def messages(self) -> Counter[str]:
        """Return how often each intent came to the chain."""
        lines = [json.loads(line) for line in self.chain.read_text().splitlines()]
        return Counter(line["intent"] for line in lines if line["what"] == "came")


@pytest.mark.parametrize("point", POINTS)
def test_a_core_that_is_killed_makes_one_transaction_of_each_order(
    point: str, environment: dict[str, str], tmp_path: Path
) -> None:  # W-26
    story = Story(environment, tmp_path)
    open_id, close_id = f"REQID{1:064X}", f"REQID{2:064X}"
    story.send(create("alice", open_id))
    story.die(point)
    opened = story.goes_on_until_answered(open_id)
    assert opened["order_status"] == "FILLED"

    story.send(execute("alice", opened["order_id"], close_id))
    story.die(point)
    assert story.goes_on_until_answered(close_id)["order_status"] == "SETTLED"

    messages = story.messages()
    assert [intent.split(":")[0] for intent in messages] == ["open", "settle"]
    assert set(messages.values()) == {1}
    assert [event["TraderOrder"][0]["order_status"] for event in story.events() if "TraderOrder" in event] == [
        "FILLED",
        "SETTLED",
    ]
