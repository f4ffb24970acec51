"""A core whose state is not what the log folds to is named; one that says the same passes."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.audit.day import Day, archived_day
from tests.audit.story import log_records

from twilight.audit.run import Parts
from twilight.core.durability.recovery import fold
from twilight.domain.books.snapshot import state_hash
from twilight.domain.engine import new_engine

pytestmark = pytest.mark.servers


@contextmanager
def core_that_says(state_hash: str, offset: int) -> Iterator[str]:
    """Serve what a core says of itself."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"state_hash": state_hash, "state_hash_offset": offset}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def day(kafka: str, topic: Callable[[str], str], postgres: Callable[[], str]) -> Day:
    return replace(archived_day(kafka, topic, postgres()), parts=Parts(questdb=False))


def test_a_core_with_another_state_than_the_log_is_named(day: Day) -> None:
    records = log_records()
    engine = new_engine(str)
    for record in records[:-1]:
        fold(engine, record.offset, record.key, record.value, record.timestamp_ms)
    offset = records[-2].offset
    right, wrong = state_hash(engine.state), "0" * 64

    assert faults_with_core(day, right, offset) == {}
    assert faults_with_core(day, wrong, offset) == {
        "log fold = core": [f"the core says {wrong}, the log folds to {right} at offset {offset}"]
    }


def faults_with_core(day: Day, said: str, offset: int) -> dict[str, list[str]]:
    with core_that_says(said, offset) as url:
        return replace(day, settings=day.settings.model_copy(update={"core_ops_url": url})).faults()
