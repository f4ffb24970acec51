"""Work on a copy of the state, beside the loop: what takes seconds must not make a tick late.

The copy is a forked child: the kernel shares every page until one of the two writes to it, so making it costs
milliseconds, and the child may take its time. It touches nothing but the state and files, and it ends with its parent.
"""

import contextlib
import ctypes
import gc
import os
import select
import signal
import time
import warnings
from collections.abc import Callable
from typing import NoReturn, Protocol

from twilight.ops.errors import TwilightError

WORK_S_MAX = 1_800
CHUNK_BYTES = 65_536
_PR_SET_PDEATHSIG = 1

Work = Callable[[], bytes]


class WorkFailed(TwilightError):
    """The child did not come to a result; the state is as it was."""


class Job(Protocol):
    """Work that goes on."""

    def result(self) -> bytes | None:
        """Return what the work gave, None while it goes on; raises `WorkFailed`."""

    def end(self) -> None:
        """Give the work up: when this returns it does nothing more."""


class Done:
    """Work that was done at once, for whoever has no other thread of time."""

    def __init__(self, work: Work) -> None:
        self._given = work()

    def result(self) -> bytes | None:
        """Return what the work gave."""
        return self._given

    def end(self) -> None:
        """Return: the work is done."""


class Forked:
    """Work in a child process."""

    def __init__(self, work: Work) -> None:
        self._output, child_output = os.pipe()
        self._deadline_s = time.monotonic() + WORK_S_MAX
        self._given = b""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child starts no thread and takes no lock
            self._pid = os.fork()
        if self._pid == 0:
            _work_and_end(work, child_output)
        os.close(child_output)
        os.set_blocking(self._output, False)

    def result(self) -> bytes | None:
        """Return what the work gave, None while it goes on; raises `WorkFailed`."""
        while select.select([self._output], [], [], 0)[0]:
            chunk = os.read(self._output, CHUNK_BYTES)
            if not chunk:
                return self._ended()
            self._given += chunk
        if time.monotonic() > self._deadline_s:
            self.end()
            raise WorkFailed(f"expected a result within {WORK_S_MAX} s, found none")
        return None

    def end(self) -> None:
        """Kill the child."""
        os.kill(self._pid, signal.SIGKILL)
        self._reap()

    def _reap(self) -> int:
        """Wait for the end of the child and return its status."""
        os.close(self._output)
        return os.waitpid(self._pid, 0)[1]

    def _ended(self) -> bytes:
        status = self._reap()
        if status != 0:
            found = self._given.decode(errors="replace") or f"status {status}"
            raise WorkFailed(f"the copy of the state was of no use: {found}")
        return self._given


def _work_and_end(work: Work, output: int) -> NoReturn:
    """Live as the child: nothing of the parent's is used but the state, and nothing is cleaned up on its behalf."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # the parent, which is asked too, waits or ends us
        gc.disable()
        os.nice(5)
        _write(output, work())
        status = 0
    except BaseException as fault:  # noqa: BLE001 - told to the parent
        with contextlib.suppress(OSError):
            _write(output, f"{type(fault).__name__}: {fault}".encode())
    finally:
        os._exit(status)


def _write(output: int, content: bytes) -> None:
    while content:
        content = content[os.write(output, content) :]
