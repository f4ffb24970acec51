"""Venue servers and feeders as real processes, for tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

COMMAND = "import sys; from twilight.cli.{group} import app; app(sys.argv[1:])"
PATIENCE_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)


@contextmanager
def process(group: str, *arguments: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", COMMAND.format(group=group), *arguments]
    with log.open("ab") as out:
        running = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=out)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(5)


@contextmanager
def venues(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """Run the local venue servers; give venue -> URL."""
    ports = folder / "ports.json"
    ports.unlink(missing_ok=True)
    files = ("--ports-file", str(ports), "--status-file", str(folder / "status.json"))
    with process("local", "venues", *files, *options, log=folder / "venues.log") as running:
        until(lambda: ports.exists() or running.poll() is not None, "open ports of the venue servers")
        yield json.loads(ports.read_text())


def venue_environment(urls: Mapping[str, str]) -> dict[str, str]:
    return {f"FEEDER_{name.upper()}_URL": url for name, url in urls.items()}


class RunningFeeder:
    """A feeder process and its public port."""

    def __init__(self, running: subprocess.Popen[bytes], port: int) -> None:
        self.process = running
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.socket = f"ws://127.0.0.1:{port}/v1/ws"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.base + path, timeout=5)

    def status(self) -> str | None:
        try:
            answer = self.get("/healthz")
        except httpx.HTTPError:
            return None
        return str(answer.json()["status"])

    def wait_for(self, *statuses: str) -> None:
        until(lambda: self.status() in statuses, f"status {statuses}, is {self.status()}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def feeder(folder: Path, urls: Mapping[str, str], **environment: str) -> Iterator[RunningFeeder]:
    port = free_port()
    settings = {
        "FEEDER_ADDR": f"127.0.0.1:{port}",
        "OPS_ADDR": "127.0.0.1:0",
        "FEEDER_STATE_DIR": str(folder / "state"),
        "FEEDER_RECORD_DIR": str(folder / "records"),
        **venue_environment(urls),
        **environment,
    }
    with process("feeder", "run", log=folder / "feeder.log", **settings) as running:
        yield RunningFeeder(running, port)
