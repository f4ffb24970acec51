"""The parts of the exchange on this machine: what each runs, what it needs, where its health is asked for."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twilight.local.servers.process import Process, Server

Environment = Callable[[], Mapping[str, str]]


class Service(Server):
    """One of our own services as a process; its environment is made anew at each start."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, environment: Environment) -> None:
        self._command = [sys.executable, "-m", "twilight", *arguments]
        self._log = log
        self._environment = environment
        super().__init__(name, Process(name, self._command, log))

    def start(self) -> None:
        """Start the process; whether it is ready, its own health says."""
        self.process = Process(self.name, self._command, self._log, env=self._environment())
        self.process.start()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part under supervision; without a server it runs elsewhere, at `address`, and is only used."""

    name: str
    server: Server | None = None
    needs: tuple[str, ...] = ()
    ops_url: str = ""
    address: tuple[str, int] = ("", 0)
    after_start: Callable[[], None] | None = None
