from pathlib import Path

import pytest

from twilight.core.admin.server import token_in
from twilight.core.ids import FolderLock, instance_name
from twilight.ops.errors import SettingsError


def test_the_administrators_token_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    token = token_in(tmp_path / "core")
    assert (len(token), token_in(tmp_path / "core")) == (64, token)
    assert (tmp_path / "core" / "admin-token").stat().st_mode & 0o077 == 0


def test_an_empty_token_lets_nobody_in_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "admin-token").touch()
    with pytest.raises(SettingsError, match="is empty: delete it"):
        token_in(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for take in (token_in, instance_name, FolderLock):
        with pytest.raises(SettingsError, match=r"DATA_DIR: expected a folder to write to, found .*/file/core: "):
            take(tmp_path / "file" / "core")


def test_a_core_keeps_its_name(tmp_path: Path) -> None:
    assert instance_name(tmp_path) == instance_name(tmp_path)
