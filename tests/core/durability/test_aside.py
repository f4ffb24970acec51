"""Work on a copy of the state, in a child process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.core.processes import until

from twilight.core.durability import aside
from twilight.core.durability.aside import Done, Forked, WorkFailed


class Gate:
    """Holds the child until it is opened."""

    def __init__(self) -> None:
        self._inside, self._outside = os.pipe()

    def wait(self) -> None:
        os.close(self._outside)
        os.read(self._inside, 1)

    def open(self) -> None:
        os.close(self._outside)

    def held(self, work: Callable[[], bytes]) -> Callable[[], bytes]:
        def wait_and_work() -> bytes:
            self.wait()
            return work()

        return wait_and_work


def ended(job: Forked) -> bytes:
    return until(job.result, "the child has ended", 30)


def test_the_child_sees_the_state_as_it_was_when_it_was_made() -> None:
    state, gate = [b"then"], Gate()
    job = Forked(gate.held(lambda: state[0]))
    state[0] = b"now"
    assert job.result() is None
    gate.open()
    assert ended(job) == b"then"


def test_nothing_that_the_child_does_to_the_state_is_seen() -> None:
    state = [b"kept"]

    def spoil() -> bytes:
        state.clear()
        return b"spoilt"

    assert ended(Forked(spoil)) == b"spoilt"
    assert state == [b"kept"]


def test_a_result_larger_than_any_pipe_arrives_whole() -> None:
    whole = os.urandom(3_000_000)
    assert ended(Forked(lambda: whole)) == whole


def test_work_that_fails_says_why_and_leaves_no_child() -> None:
    def fail() -> bytes:
        raise OSError("no space left on device")

    job = Forked(fail)
    with pytest.raises(WorkFailed, match="OSError: no space left on device"):
        ended(job)
    with pytest.raises(ChildProcessError):
        os.waitpid(job._pid, os.WNOHANG)


def test_a_child_that_is_killed_gives_no_result() -> None:
    job = Forked(Gate().held(lambda: b"never"))
    os.kill(job._pid, signal.SIGKILL)
    with pytest.raises(WorkFailed, match=f"status {int(signal.SIGKILL)}"):
        ended(job)


def test_a_child_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "WORK_S_MAX", 0)
    job = Forked(Gate().held(lambda: b"late"))
    with pytest.raises(WorkFailed, match="within 0 s"):
        ended(job)
    assert not psutil.pid_exists(job._pid)


def test_work_that_is_given_up_leaves_no_child() -> None:
    job = Forked(Gate().held(lambda: b"never"))
    job.end()
    assert not psutil.pid_exists(job._pid)


def test_a_stop_signal_leaves_the_decision_to_the_parent() -> None:
    ready, told = os.pipe()
    gate = Gate()

    def say_ready_and_wait() -> bytes:
        os.write(told, b"r")
        gate.wait()
        return b"done"

    job = Forked(say_ready_and_wait)
    os.read(ready, 1)
    os.kill(job._pid, signal.SIGTERM)
    os.kill(job._pid, signal.SIGINT)
    gate.open()
    assert ended(job) == b"done"


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    program = f"""
import pathlib, signal
from twilight.core.durability.aside import Forked
job = Forked(lambda: signal.pause())
pathlib.Path({str(said)!r}).write_text(str(job._pid))
signal.pause()
"""
    parent = subprocess.Popen([sys.executable, "-c", program])
    child = int(until(lambda: said.exists() and said.read_text(), "there is a child", 30))
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait(10)
    until(lambda: not is_running(child), "the child has ended too", 30)


def is_running(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_work_done_at_once_has_its_result_at_once() -> None:
    assert Done(lambda: b"result").result() == b"result"
