"""Archiver processes on a topic and a database of their own, to be killed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.core.processes import readyz

from twilight.bus import Producer, Record, TopicSpec, ensure
from twilight.local.servers import free_ports

START_TIMEOUT_S = 90.0


class Service:
    """`twilight archiver run` as a process."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        (port,) = free_ports(1)
        self.ops = f"127.0.0.1:{port}"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "twilight", "archiver", "run"],
                env={**os.environ, **environment, "OPS_ADDR": self.ops},
                stderr=output,
                stdout=output,
            )

    def ready(self) -> dict[str, Any]:
        """Return what `/readyz` says, nothing while it does not answer."""
        return readyz(self.ops)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """Ask it to end; return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


class Stack:
    """One log, one database, and any number of archivers between them."""

    def __init__(self, brokers: str, database_url: str, topic: Callable[[str], str], folder: Path) -> None:
        names = ("core", "requests", "failed", "state")
        self.brokers = brokers
        self.topics = {name: topic(name) for name in names}
        self.environment = {
            "BROKER": brokers,
            "DATABASE_URL": database_url,
            "CORE_EVENT_LOG": self.topics["core"],
            "RPC_CLIENT_REQUEST": self.topics["requests"],
            "RPC_CLIENT_FAILED_REQUEST": self.topics["failed"],
            "RELAYER_STATE_QUEUE": self.topics["state"],
            "ARCHIVER_KAFKA_GROUP": self.topics["core"],
            "BATCH_RECORDS_MAX": "150",
            "POLL_TIMEOUT_MS": "20",
        }
        self.log = folder / "archiver.log"
        self.running: list[Service] = []
        ensure(brokers, [TopicSpec(name) for name in self.topics.values()])

    def start(self) -> Service:
        """Start an archiver beside those that run."""
        self.running.append(Service(self.environment, self.log))
        return self.running[-1]

    def produce(self, stream: str, records: Sequence[Record]) -> None:
        """Append records to a topic."""
        producer = Producer(self.brokers, linger_ms=5)
        for record in records:
            producer.send(self.topics[stream], record.key, record.value or b"")
        producer.flush(30)

    def kill_one(self, dice: random.Random) -> None:
        """Kill any of the archivers and start another in its place."""
        victim = dice.choice(self.running)
        self.running.remove(victim)
        victim.kill()
        self.start()

    def close(self) -> None:
        """End everything that runs."""
        for service in self.running:
            with contextlib.suppress(ProcessLookupError):
                service.kill()


def wait_until(holds: Callable[[], bool], within_s: float = START_TIMEOUT_S, what: str = "it") -> None:
    """Return when something holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s} s"
        time.sleep(0.1)
