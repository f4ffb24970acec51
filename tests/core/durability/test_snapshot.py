from pathlib import Path

import pytest

from twilight.core.durability import snapshot
from twilight.core.durability.snapshot import DamagedSnapshot, SnapshotFiles


@pytest.fixture
def files(tmp_path: Path) -> SnapshotFiles:
    return SnapshotFiles(tmp_path / "folder" / "core.snapshot")


def bodies(files: SnapshotFiles) -> list[bytes | None]:
    return [None if isinstance(body, DamagedSnapshot) else body for _, body in files.candidates()]


def test_without_a_file_there_is_no_candidate(files: SnapshotFiles) -> None:
    assert bodies(files) == []


def test_what_was_saved_is_read_back_newest_first(files: SnapshotFiles) -> None:
    for body in (b"one", b"two", b"three" * 10_000):
        files.save(body)
    assert bodies(files) == [b"three" * 10_000, b"two"]
    assert sorted(path.name for path in files.path.parent.iterdir()) == [
        "core.snapshot",
        "core.snapshot.previous",
    ]


@pytest.mark.parametrize("where", [0, 7, 8, 39, 40, -1])
def test_one_changed_byte_anywhere_is_noticed_and_the_previous_snapshot_is_there(
    files: SnapshotFiles, where: int
) -> None:
    files.save(b"one" * 1_000)
    files.save(b"two" * 1_000)
    content = bytearray(files.path.read_bytes())
    content[where] ^= 1
    files.path.write_bytes(content)
    assert bodies(files) == [None, b"one" * 1_000]


@pytest.mark.parametrize("length", [0, 3, 8, 20, 40, 50])
def test_a_file_that_was_cut_short_is_noticed(files: SnapshotFiles, length: int) -> None:
    files.save(b"body" * 1_000)
    files.path.write_bytes(files.path.read_bytes()[:length])
    assert bodies(files) == [None]


def test_a_full_disk_leaves_both_files_as_they_were(files: SnapshotFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    files.save(b"one")
    files.save(b"two")

    def full_disk(path: Path, content: bytes) -> None:
        path.write_bytes(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, "_write_durably", full_disk)
    with pytest.raises(OSError, match="No space left"):
        files.save(b"three")
    assert bodies(files) == [b"two", b"one"]
    assert not list(files.path.parent.glob("*.tmp"))
