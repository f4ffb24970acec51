"""Archives are believed only with the pinned hash."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from twilight.local import artifacts
from twilight.local.artifacts import Pinned, fetch, read_lock
from twilight.ops.errors import Corrupt, SettingsError, Unavailable

CONTENTS = {"one": b"first", "two": b"second"}
Write = Callable[[str], None]


def quiet(_what: str, _count: int, _total: int) -> None:
    pass


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setattr(artifacts, "SERVICES", tmp_path)
    return lambda text: (tmp_path / "example.lock").write_text(text) and None


@pytest.fixture
def pinned(lock: Write) -> None:
    lines = [f"org.example:{name}:1.0 sha256:{hashlib.sha256(data).hexdigest()}" for name, data in CONTENTS.items()]
    lock("# a comment\n" + "\n".join(lines) + "\n")


class Repository:
    """Brings archives to files in a cache, and counts how often it was asked."""

    def __init__(self, folder: Path, served: dict[str, bytes]) -> None:
        self.folder, self.served, self.asked = folder, served, 0

    def __call__(self, archive: Pinned) -> Path:
        self.asked += 1
        path = self.folder / archive.file_name
        if not path.exists():
            path.write_bytes(self.served[archive.artifact])
        return path


@pytest.mark.usefixtures("pinned")
def test_every_pinned_archive_is_fetched_once_with_progress(tmp_path: Path) -> None:
    repository, seen = Repository(tmp_path, CONTENTS), []
    for _ in range(2):
        folder = fetch("example", tmp_path / "cache", lambda *step: seen.append(step), repository)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "one-1.0.jar": b"first",
        "two-1.0.jar": b"second",
    }
    assert seen == [("example", 1, 2), ("example", 2, 2)]
    assert repository.asked == 2


@pytest.mark.usefixtures("pinned")
def test_an_archive_with_other_bytes_is_refused_and_not_kept(tmp_path: Path) -> None:
    repository = Repository(tmp_path, {**CONTENTS, "two": b"forged"})
    with pytest.raises(Corrupt, match=r"org.example:two:1.0: expected SHA-256"):
        fetch("example", tmp_path / "cache", quiet, repository)
    assert not list(tmp_path.rglob("two-1.0.jar"))


@pytest.mark.usefixtures("pinned")
def test_an_archive_that_was_changed_after_it_was_fetched_is_found_at_the_next_start(tmp_path: Path) -> None:
    repository = Repository(tmp_path, CONTENTS)
    folder = fetch("example", tmp_path / "cache", quiet, repository)
    (folder / "two-1.0.jar").write_bytes(b"forged")
    fetch("example", tmp_path / "cache", quiet, repository)
    assert (folder / "two-1.0.jar").read_bytes() == b"second"
    assert repository.asked == 3


@pytest.mark.usefixtures("pinned")
def test_half_an_archive_of_an_interrupted_fetch_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "two-1.0.jar").write_bytes(b"sec")
    folder = fetch("example", tmp_path / "cache", quiet, Repository(tmp_path, CONTENTS))
    assert (folder / "two-1.0.jar").read_bytes() == b"second"


@pytest.mark.usefixtures("pinned")
def test_an_archive_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    def refuse(archive: Pinned) -> Path:
        raise Unavailable(f"cannot fetch {archive.label}: no route")

    with pytest.raises(Unavailable, match=r"cannot fetch org.example:one:1.0"):
        fetch("example", tmp_path / "cache", quiet, refuse)


@pytest.mark.parametrize("line", ["org.example:one:1.0", "org.example:one:1.0 sha256:abc"])
def test_a_missing_hash_is_told_with_what_to_do(lock: Write, line: str) -> None:
    lock(line)
    with pytest.raises(SettingsError, match=r"example.lock: org.example:one:1.0 has no SHA-256: lock it again"):
        read_lock("example")


def test_a_missing_lock_is_told_with_what_to_do(lock: Write) -> None:
    assert lock is not None
    with pytest.raises(SettingsError, match=r"nowhere.lock is missing"):
        read_lock("nowhere")


@pytest.mark.parametrize(("name", "count"), [("kafka", 45), ("questdb", 1)])
def test_every_archive_of_our_servers_is_pinned(name: str, count: int) -> None:
    assert len(read_lock(name)) == count
