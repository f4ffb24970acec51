"""The real Kafka for benches: one that runs (`TWILIGHT_TEST_SERVERS`), else one of its own."""

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twilight.local import artifacts
from twilight.local.servers import Kafka, free_ports


@contextmanager
def kafka() -> Iterator[str]:
    """Give the address of a Kafka."""
    offered = os.environ.get("TWILIGHT_TEST_SERVERS")
    if offered:
        yield json.loads(Path(offered).read_text())["brokers"]
        return
    cache = Path(os.environ.get("TWILIGHT_DOWNLOADS", Path.home() / ".cache" / "twilight" / "downloads"))
    jars = artifacts.fetch("kafka", cache, lambda _what, _count, _total: None)
    with tempfile.TemporaryDirectory() as folder:
        server = Kafka(jars, Path(folder), *free_ports(2))
        server.start()
        try:
            yield server.brokers
        finally:
            server.stop()


def fresh(name: str) -> str:
    """Return a topic name that nobody else uses."""
    return f"bench-{name}-{uuid.uuid4().hex[:12]}"
