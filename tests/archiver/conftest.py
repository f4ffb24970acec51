import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the helpers of this folder: `archiving`, `generated`

from archiving import ZONES, Archive, database_url, prepare, recorded, run_sql

from twilight.bus import Record

MakeArchive = Callable[..., Archive]


@pytest.fixture(scope="session")
def template(postgres_server: str) -> Iterator[str]:
    """Return the name of a database with our schema, to be copied: making it anew takes longer."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    run_sql(postgres_server, "CREATE DATABASE {}", name)
    prepare(database_url(postgres_server, name))
    yield name
    run_sql(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def databases(postgres_server: str, template: str) -> Iterator[Callable[[], str]]:
    """Return a maker of databases with our schema, each dropped after the test; it returns the address."""
    made: list[str] = []

    def make() -> str:
        made.append(f"test_{uuid.uuid4().hex[:12]}")
        run_sql(postgres_server, "CREATE DATABASE {} TEMPLATE {}", made[-1], template)
        return database_url(postgres_server, made[-1])

    yield make
    for name in made:
        run_sql(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def zone() -> str:
    """Return the time zone of every archive's server: never UTC, so that nothing can depend on it.

    What is most about times runs in both of the zones that storage specification 11 names.
    """
    return ZONES[0]


@pytest.fixture
def archives(databases: Callable[[], str], zone: str) -> Iterator[MakeArchive]:
    """Return a maker of archives, each in a database of its own."""
    made: list[Archive] = []

    def make(timezone: str = zone) -> Archive:
        made.append(Archive(databases(), timezone=timezone))
        return made[-1]

    yield make
    for archive in made:
        archive.close()


@pytest.fixture
def archive(archives: MakeArchive) -> Archive:
    """Return an empty archive."""
    return archives()


@pytest.fixture(scope="session")
def reference_log(shared_dir: Path) -> list[Record]:
    """Return the log that the real Rust relayer wrote."""
    return recorded(shared_dir / "data" / "reference-log" / "CoreEventLogTopic.jsonl.gz")
