"""Chaos starts servers of its own, never the shared ones: it stops them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from tests.chaos.exchange import Exchange, Say, running_exchange
from tests.chaos.servers import Servers, start_servers

RunExchange = Callable[..., AbstractContextManager[Exchange]]


@pytest.fixture(scope="session")
def kills() -> int:
    """Return how many kills are asked for; everything else that is repeated is scaled by it."""
    return int(os.environ.get("TWILIGHT_CHAOS_KILLS", "200"))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Return a Kafka, a PostgreSQL and a QuestDB that may be hurt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QDB_DEV_MODE_ENABLED", "true")  # else QuestDB does not suspend a table when told to
        started = start_servers(tmp_path_factory.mktemp("servers"))
        yield started
        started.stop()


@pytest.fixture
def say(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Say:
    """Return what shows progress at once, whatever pytest captures."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    begun, name = time.monotonic(), request.node.name

    def show(text: str) -> None:
        with pytestconfig.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():  # type: ignore[union-attr]
            reporter.write_line(f"{time.monotonic() - begun:6.0f} s  {name}: {text}")

    return show


@pytest.fixture
def run_exchange(servers: Servers, tmp_path: Path, say: Say) -> RunExchange:
    """Return what runs a whole exchange under load and audits it when the load has ended."""
    return partial(running_exchange, servers, tmp_path, say)
