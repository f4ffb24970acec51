"""The process as its supervisor sees it: settings from the environment, readiness, signals, exit codes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from books import Books

from twilight.local.servers import free_ports

pytestmark = pytest.mark.servers

COMMAND = (sys.executable, "-c", "from twilight.cli.api import app; app()", "run")


@contextmanager
def process(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    started = subprocess.Popen(
        [*COMMAND, *arguments], env=inherited | environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def status(url: str) -> int:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return 0


@pytest.fixture
def environment(kafka: str, topic: Callable[[str], str], books: Books) -> dict[str, str]:
    return {
        "BROKER": kafka,
        "DATABASE_URL": books.url,
        "CORE_EVENT_LOG": topic("CoreEventLogTopic"),
        "RPC_CLIENT_REQUEST": topic("CLIENT-REQUEST"),
        "RPC_CLIENT_FAILED_REQUEST": topic("CLIENT-FAILED-REQUEST"),
    }


def test_a_process_becomes_ready_answers_and_ends_cleanly_on_sigterm(environment: dict[str, str]) -> None:
    port, ops_port = free_ports(2)
    addresses = {"API_ADDR": f"127.0.0.1:{port}", "OPS_ADDR": f"127.0.0.1:{ops_port}"}
    with process(environment | addresses) as api:
        wait_for(lambda: status(f"http://127.0.0.1:{ops_port}/readyz") == 200)
        body = {"jsonrpc": "2.0", "method": "healthcheck", "id": 1}
        answer = httpx.post(f"http://127.0.0.1:{port}/api", json=body).json()
        api.send_signal(signal.SIGTERM)
        _, errors = api.communicate(timeout=30)
    assert answer["result"]["status"] == "ok"
    assert (api.returncode, "exception" in errors) == (0, False)


def test_an_option_names_another_port(environment: dict[str, str]) -> None:
    port, other = free_ports(2)
    arguments = ("--addr", f"127.0.0.1:{port}", "--public-rpc", f"127.0.0.1:{other}")
    with process(environment, *arguments):
        wait_for(lambda: status(f"http://127.0.0.1:{port}/health/ready") == 200)
        assert status(f"http://127.0.0.1:{other}/") == 405


def test_every_fault_of_the_settings_is_one_line() -> None:
    with process({"ORDER_VERIFY": "maybe", "RISK_MM_RATIO": "x"}) as api:
        _, errors = api.communicate(timeout=30)
    names = [re.match(r"\w+", line)[0] for line in errors.splitlines()]  # type: ignore[index]
    assert (api.returncode, sorted(names)) == (2, ["DATABASE_URL", "ORDER_VERIFY", "RISK_MM_RATIO"])


def test_without_kafka_the_process_does_not_start(environment: dict[str, str]) -> None:
    (port,) = free_ports(1)
    away = {"BROKER": f"127.0.0.1:{port}", "API_ADDR": "127.0.0.1:0"}
    with process(environment | away) as api:
        _, errors = api.communicate(timeout=60)
    assert (api.returncode, "Unavailable" in errors) == (1, True)


def test_a_taken_port_is_told_in_one_line(environment: dict[str, str]) -> None:
    (port,) = free_ports(1)
    address = {"API_ADDR": f"127.0.0.1:{port}"}
    with process(environment | address):
        wait_for(lambda: status(f"http://127.0.0.1:{port}/healthz") == 200)
        with process(environment | address) as second:
            _, errors = second.communicate(timeout=60)
    assert (second.returncode, f"cannot listen on 127.0.0.1:{port}" in errors) == (1, True)
