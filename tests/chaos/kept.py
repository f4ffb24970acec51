"""Processes of the exchange that are started again whenever they end, as `twilight up` and any operator would."""

import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.servers import steady_ports
from tests.core.processes import readyz, until

from twilight.local.servers import Process
from twilight.local.servers.process import LOOPBACK

LOOK_S = 0.05


class Kept:
    """One process; `keep` starts it when it does not run and its rest after a kill is over."""

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.address = f"{LOOPBACK}:{steady_ports(1)[0]}"
        self.log = folder / f"{name}.log"
        self.ends = 0
        """How often it has ended by itself."""
        self.last_end: int | None = None
        self._process = Process(
            name, [sys.executable, "-m", "twilight", *command], self.log, env={**environment, "OPS_ADDR": self.address}
        )
        self._starts_at = 0.0
        self._was_started = self._is_frozen = False
        self._lock = threading.Lock()

    def keep(self) -> None:
        with self._lock:
            if self._process.is_running():
                return
            if self._was_started:
                self.ends, self.last_end = self.ends + 1, self._process.exit_status
                self._was_started = False
                self._starts_at = time.monotonic() + 0.5
            if time.monotonic() >= self._starts_at:
                self._process.start()
                self._was_started = True

    def kill(self, rest_s: float = 0.0) -> None:
        """End it without a word; it is started again after the rest."""
        with self._lock:
            self._process.stop(number=signal.SIGKILL)
            self._was_started, self._is_frozen = False, False
            self._starts_at = time.monotonic() + rest_s

    def freeze(self) -> None:
        """Let it stand still; it keeps all that it holds."""
        self._process.send(signal.SIGSTOP)
        self._is_frozen = True

    def thaw(self) -> None:
        self._is_frozen = False
        self._process.send(signal.SIGCONT)

    def ready(self) -> dict[str, Any]:
        """Return what it says of itself; one that stands still says nothing."""
        return {} if self._is_frozen else readyz(self.address)

    def has_role(self, role: str) -> bool:
        return bool(self.ready().get("role") == role)

    def until_role(self, role: str, timeout_s: float = 60) -> None:
        until(lambda: self.has_role(role), f"{self.name} is {role}", timeout_s)


class Keeper:
    """Keeps processes from a thread of its own, from entering it to leaving it."""

    def __init__(self, kept: Sequence[Kept]) -> None:
        self._kept = kept
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for each in self._kept:
            each.kill()

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            for each in self._kept:
                each.keep()
