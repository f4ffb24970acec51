"""What a start in the background says of itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from twilight.local import control
from twilight.local.layout import Layout
from twilight.ops.errors import TwilightError

DIES_AT_ONCE = "print('starting kafka'); print('DATA_DIR: no space left')"
DIES_WHEN_TOLD = "import sys; print('starting kafka', flush=True); sys.stdin.read(); sys.exit(1)"


def started(program: str, folder: Path, stdin: int = subprocess.DEVNULL) -> tuple["subprocess.Popen[bytes]", Path]:
    log = folder / "up.log"
    with log.open("wb") as out:
        child = subprocess.Popen([sys.executable, "-c", program], stdin=stdin, stdout=out)
    return child, log


def test_the_error_of_an_end_is_raised_and_said_once_however_soon_it_comes(tmp_path: Path) -> None:
    child, log = started(DIES_AT_ONCE, tmp_path)
    said: list[str] = []
    with pytest.raises(TwilightError, match="DATA_DIR: no space left"):
        control._until_ready(child, Layout(tmp_path), control._lines(log, 0), said.append)
    assert said == ["starting kafka"]


def test_what_takes_long_is_said_while_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "HELD_S", 0.1)
    child, log = started(DIES_WHEN_TOLD, tmp_path, subprocess.PIPE)
    assert child.stdin is not None
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        assert child.stdin is not None
        child.stdin.close()  # only now it may end

    with pytest.raises(TwilightError, match="ended with status 1"):
        control._until_ready(child, Layout(tmp_path), control._lines(log, 0), say)
    assert said == ["starting kafka"]
