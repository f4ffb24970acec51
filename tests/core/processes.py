"""A core as a process of its own, with a feeder that signs ticks, for tests on the real Kafka."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

from tests.core.feeders import SignedFeeder
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

T = TypeVar("T")

TOKEN = "of-the-administrator"  # noqa: S105 - of a core that lives for one test


class TickServer:
    """Serves the newest tick every 250 ms over a websocket, in a thread of its own; `price` and `status` may change."""

    def __init__(self, period_s: float = 0.25) -> None:
        self.feeder = SignedFeeder(epoch=int(time.time() * 1000))
        self.price = 65_000.0
        self.status = "HEALTHY"
        self.silent = False
        self._period_s = period_s
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/ws"

    @property
    def key(self) -> str:
        return self.feeder.public_key.hex()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        async with serve(self._speak, "127.0.0.1", 0) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            await self._stopped.wait()

    async def _speak(self, link: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            while not self._stopped.is_set():
                if not self.silent:
                    await link.send(self.feeder.frame(int(time.time() * 1000), self.price, self.status))
                await asyncio.sleep(self._period_s)


@dataclass
class CoreProcess:
    """`twilight core run` under test."""

    environment: dict[str, str]
    log_path: Path
    process: subprocess.Popen[bytes] | None = None
    ports: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        begin = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "twilight", "core", "run"],
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=output,
            )
        self.ports = until(lambda: self._listening(begin), "the core listens", 60)

    def _listening(self, begin: int) -> dict[str, int] | None:
        assert self.process is not None
        text = self.log_path.read_bytes()[begin:].decode()
        assert self.process.poll() is None, text
        lines = (json.loads(line) for line in text.splitlines() if line.startswith("{"))
        found = next((line for line in lines if line.get("event") == "listening"), None)
        return found and {"ops": found["ops_port"], "admin": found["admin_port"]}

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(15)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports['ops']}"

    def readiness(self) -> dict[str, Any]:
        return readyz(self.address)

    def until_role(self, role: str, timeout_s: float = 60) -> None:
        until(lambda: self.readiness().get("role") == role, f"the core is {role}", timeout_s)

    def until_serving(self, timeout_s: float = 60) -> None:
        """Return when the core leads and reads its order queues."""

        until(lambda: serves(self.readiness()), "the core serves", timeout_s)

    def admin(self, method: str, params: object = None, token: str = TOKEN) -> dict[str, Any]:
        return administer(f"127.0.0.1:{self.ports['admin']}", method, params, token)


def administer(address: str, method: str, params: object = None, token: str = TOKEN) -> dict[str, Any]:
    """Call a core's administrator's port and return the answer."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(f"http://{address}/", body, {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http on loopback
        found: dict[str, Any] = json.load(answer)
    return found


def readyz(address: str) -> dict[str, Any]:
    """Return what a service says of itself, nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    except (OSError, HTTPException, ValueError):  # it died while it spoke
        found = {}
    return found


def serves(readiness: dict[str, Any]) -> bool:
    """Return whether a core says that it leads and reads its order queues."""
    checks = {name: text for name, text in readiness.get("checks", {}).items() if name.startswith("queue ")}
    return readiness.get("role") == "leader" and bool(checks) and set(checks.values()) == {"ok"}


@contextmanager
def running(environment: dict[str, str], log_path: Path) -> Iterator[CoreProcess]:
    """Run a core; whatever happens it is gone afterwards."""
    core = CoreProcess(environment, log_path)
    try:
        core.start()
        yield core
    finally:
        if core.process is not None and core.process.poll() is None:
            core.kill()


def until(probe: Callable[[], T | None], what: str, timeout_s: float) -> T:
    """Return what the probe finds as soon as it finds something."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {timeout_s} s in vain until {what}")
