"""The real servers for tests, each started once a session when a test first asks for it, on free ports.

`TWILIGHT_TEST_SERVERS` may name a JSON file of servers that already run (`brokers`, `postgres`, `questdb_http`,
`questdb_pg`, `questdb_line`); every test takes fresh topics and databases, so they can be shared.
"""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from twilight.local import artifacts
from twilight.local.servers import Kafka, Postgres, QuestDB, free_ports

REPOSITORY = Path(__file__).resolve().parents[1]
TOLD = pytest.StashKey[list[str]]()


@dataclass(frozen=True, slots=True)
class QuestDBAddresses:
    """Where a running QuestDB is reached: HTTP, PostgreSQL wire, line protocol over TCP."""

    http_url: str
    pg_url: str
    line_address: str


def artifact_cache() -> Path:
    """Return the folder that keeps the servers' archives between runs."""
    default = Path.home() / ".cache" / "twilight" / "downloads"
    return Path(os.environ.get("TWILIGHT_DOWNLOADS", default))


def running_servers() -> dict[str, str]:
    """Return the servers that the environment offers, none by default."""
    path = os.environ.get("TWILIGHT_TEST_SERVERS")
    return json.loads(Path(path).read_text()) if path else {}


def quiet(_what: str, _count: int, _total: int) -> None:
    """Fetch without showing progress."""


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Return what puts a figure into the summary of the run, as in "index vectors: 120 of 120"."""
    return pytestconfig.stash.setdefault(TOLD, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests told."""
    for line in terminalreporter.config.stash.get(TOLD, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of specifications and recorded data; tests that need it skip where it is absent."""
    path = Path(os.environ.get("TWILIGHT_SHARED", REPOSITORY.parent / "shared"))
    if not (path / "spec").is_dir():
        pytest.skip("the folder of specifications and recorded data is not here (TWILIGHT_SHARED names it)")
    return path


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a real Kafka."""
    offered = running_servers().get("brokers")
    if offered:
        yield offered
        return
    jars = artifacts.fetch("kafka", artifact_cache(), quiet)
    server = Kafka(jars, tmp_path_factory.mktemp("kafka"), *free_ports(2))
    server.start()
    yield server.brokers
    server.stop()


@pytest.fixture
def topic() -> Callable[[str], str]:
    """Return a maker of topic names that no other test uses."""
    return lambda name: f"{name}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a real PostgreSQL, as its superuser."""
    offered = running_servers().get("postgres")
    if offered:
        yield offered
        return
    server = Postgres(tmp_path_factory.mktemp("postgres"), *free_ports(1))
    server.start()
    yield server.url()
    server.stop()


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Return a maker of fresh databases, each dropped after the test; it returns the database's address."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        made.append(name)
        return postgres_server.rsplit("/", 1)[0] + f"/{name}"

    yield make
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def questdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuestDBAddresses]:
    """Return the addresses of a real QuestDB; its tables are shared by all tests, so a test takes names of its own."""
    offered = running_servers()
    if offered.get("questdb_http"):
        yield QuestDBAddresses(offered["questdb_http"], offered["questdb_pg"], offered["questdb_line"])
        return
    jars = artifacts.fetch("questdb", artifact_cache(), quiet)
    server = QuestDB(jars, tmp_path_factory.mktemp("questdb"), *free_ports(3))
    server.start()
    yield QuestDBAddresses(server.http_url, server.pg_url, server.line_address)
    server.stop()
