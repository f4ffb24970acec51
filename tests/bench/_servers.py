"""The real Kafka and QuestDB for benches: one that runs (`TWILIGHT_TEST_SERVERS`), else one of its own."""

import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from twilight.local import artifacts
from twilight.local.servers import Kafka, QuestDB, free_ports

Server = TypeVar("Server", Kafka, QuestDB)


def kafka() -> AbstractContextManager[str]:
    """Give the address of a Kafka."""
    return _address("brokers", lambda folder: Kafka(_fetched("kafka"), folder, *free_ports(2)), lambda of: of.brokers)


def questdb_server() -> AbstractContextManager[str]:
    """Give the HTTP address of a QuestDB."""
    return _address(
        "questdb_http", lambda folder: QuestDB(_fetched("questdb"), folder, *free_ports(3)), lambda of: of.http_url
    )


@contextmanager
def _address(name: str, make: Callable[[Path], Server], address: Callable[[Server], str]) -> Iterator[str]:
    offered = os.environ.get("TWILIGHT_TEST_SERVERS")
    if offered:
        yield json.loads(Path(offered).read_text())[name]
        return
    with tempfile.TemporaryDirectory() as folder:
        server = make(Path(folder))
        server.start()
        try:
            yield address(server)
        finally:
            server.stop()


def _fetched(server: str) -> Path:
    cache = Path(os.environ.get("TWILIGHT_DOWNLOADS", Path.home() / ".cache" / "twilight" / "downloads"))
    return artifacts.fetch(server, cache, lambda _what, _count, _total: None)


def fresh(name: str) -> str:
    """Return a topic name that nobody else uses."""
    return f"bench-{name}-{uuid.uuid4().hex[:12]}"
