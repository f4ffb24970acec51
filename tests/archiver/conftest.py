import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the helpers of this folder: `archiving`, `generated`

from archiving import Archive, recorded

from twilight.bus import Record

MakeArchive = Callable[..., Archive]


@pytest.fixture
def archives(postgres: Callable[[], str]) -> Iterator[MakeArchive]:
    """Return a maker of archives, each in a database of its own."""
    made: list[Archive] = []

    def make(**options: str) -> Archive:
        made.append(Archive(postgres(), **options))
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
