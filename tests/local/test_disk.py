"""A disk that fills up is told before a start and while the exchange runs."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from twilight.local import disk
from twilight.ops.errors import SettingsError


class Usage(NamedTuple):
    free: int


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(free))


def test_a_full_disk_is_told_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, disk.START_BYTES_MIN - 1)
    with pytest.raises(SettingsError, match=r"disk full: .*free some or name another folder with --data"):
        disk.check_disk(tmp_path)


def test_a_disk_that_fills_up_while_the_exchange_runs_is_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, disk.LOW_BYTES)
    assert disk.alarm(tmp_path) == ""
    leave(monkeypatch, disk.LOW_BYTES - 1)
    assert disk.alarm(tmp_path).startswith(f"DISK FULL: 255 MiB are free for {tmp_path}: free some")
