"""A child process and its log."""

import signal
import sys
import time
from pathlib import Path

import pytest

from twilight.local.servers import process as processes
from twilight.local.servers.process import Process, shorten
from twilight.ops.errors import Unavailable


def _python(folder: Path, program: str) -> Process:
    return Process("example", [sys.executable, "-c", program], folder / "example.log")


def test_a_process_that_ignores_the_wish_to_end_is_killed(tmp_path: Path) -> None:
    ignoring = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    process = _python(tmp_path, ignoring)
    process.start()
    process.wait_until(lambda: process.log_tail() == "up", 30)
    process.stop(timeout_s=0.3)
    assert process.exit_status == -signal.SIGKILL


def test_a_process_that_ends_before_it_is_ready_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    process = _python(tmp_path, "import sys; print('no room left'); sys.exit(3)")
    process.start()
    with pytest.raises(Unavailable, match="example ended with status 3: no room left"):
        process.wait_until(lambda: False, 30)


def test_a_process_that_is_not_ready_in_time_is_told(tmp_path: Path) -> None:
    process = _python(tmp_path, "import time; time.sleep(60)")
    process.start()
    with pytest.raises(Unavailable, match="did not answer within 0 s"):
        process.wait_until(lambda: False, 0.1)
    process.stop()


def test_of_a_structured_log_line_the_gist_is_shown(tmp_path: Path) -> None:
    line = '{"service":"core","event":"stopped","reason":"kafka is away","level":"error"}'
    (tmp_path / "example.log").write_text(f'{line}\n{{"not": "ours"}}\n')
    assert _python(tmp_path, "").log_tail() == 'stopped: kafka is away | {"not": "ours"}'


def test_a_log_that_has_grown_too_long_moves_aside_and_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LOG_BYTES_MAX", 10)
    log = tmp_path / "example.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a line that is long\n")
        shorten(log)
        writer.write(b"short\n")
        shorten(log)
    assert log.read_bytes() == b"short\n"
    assert (tmp_path / "example.log.1").read_bytes() == b"a line that is long\n"


def test_a_child_has_a_session_of_its_own_so_that_ctrl_c_reaches_its_parent_only(tmp_path: Path) -> None:
    process = _python(tmp_path, "import os; print(os.getsid(0) == os.getpid(), flush=True)")
    process.start()
    deadline = time.monotonic() + 30
    while process.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.log_tail() == "True"
