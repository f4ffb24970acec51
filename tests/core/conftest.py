"""What tests of whole core processes share."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.core.processes import TOKEN, TickServer


@pytest.fixture
def ticks() -> Iterator[TickServer]:
    """Return a feeder that speaks every 250 ms."""
    server = TickServer()
    yield server
    server.close()


@pytest.fixture
def environment(kafka: str, topic: Callable[[str], str], ticks: TickServer, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a core that has topics and a folder of its own."""
    return {
        "BROKER": kafka,
        "RPC_CLIENT_REQUEST": topic("CLIENT-REQUEST"),
        "RPC_CLIENT_FAILED_REQUEST": topic("CLIENT-FAILED-REQUEST"),
        "CORE_EVENT_LOG": topic("CoreEventLogTopic"),
        "CORE_LEADER_TOPIC": topic("CoreLeader"),
        "CORE_INTENT_TOPIC": topic("CoreIntentTopic"),
        "CORE_TRANSACTIONAL_ID": f"core-{uuid.uuid4()}",
        "PRICE_FEEDS": ticks.url,
        "PRICE_FEED_KEYS": ticks.key,
        "PAYLOAD": "lenient",
        "DATA_DIR": str(tmp_path / "core-a"),
        "OPS_ADDR": "127.0.0.1:0",
        "RELAYER_SERVER_SOCKETADDR": "127.0.0.1:0",
        "RELAYER_SERVER_TOKEN": TOKEN,
    }
