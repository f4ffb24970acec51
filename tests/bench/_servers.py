"""The real Kafka and QuestDB for benches: one that runs (`TWILIGHT_TEST_SERVERS`), else one of its own."""

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twilight.local import artifacts
from twilight.local.servers import Kafka, QuestDB, free_ports


@contextmanager
def kafka() -> Iterator[str]:
    """Give the address of a Kafka."""
    offered = os.environ.get("TWILIGHT_TEST_SERVERS")
    if offered:
        yield json.loads(Path(offered).read_text())["brokers"]
        return
    jars = _fetched("kafka")
    with tempfile.TemporaryDirectory() as folder:
        server = Kafka(jars, Path(folder), *free_ports(2))
        server.start()
        try:
            yield server.brokers
        finally:
            server.stop()


@contextmanager
def questdb_server() -> Iterator[str]:
    """Give the HTTP address of a QuestDB."""
    offered = os.environ.get("TWILIGHT_TEST_SERVERS")
    if offered:
        yield json.loads(Path(offered).read_text())["questdb_http"]
        return
    jars = _fetched("questdb")
    with tempfile.TemporaryDirectory() as folder:
        server = QuestDB(jars, Path(folder), *free_ports(3))
        server.start()
        try:
            yield server.http_url
        finally:
            server.stop()


def _fetched(server: str) -> Path:
    cache = Path(os.environ.get("TWILIGHT_DOWNLOADS", Path.home() / ".cache" / "twilight" / "downloads"))
    return artifacts.fetch(server, cache, lambda _what, _count, _total: None)


def fresh(name: str) -> str:
    """Return a topic name that nobody else uses."""
    return f"bench-{name}-{uuid.uuid4().hex[:12]}"
