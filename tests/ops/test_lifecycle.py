"""How a service process ends. Each case is a real process that gets a real signal."""

import json
import signal
import subprocess
import sys
import textwrap

import pytest

from twilight.ops.lifecycle import EXIT_FAILED, EXIT_NOT_DRAINED, EXIT_OK

HEAD = """
import asyncio, time
from twilight.ops import lifecycle, logs
from twilight.ops.errors import Unavailable
logs.configure("example")
"""


def _run(body: str, number: signal.Signals | None) -> tuple[int, list[dict[str, object]]]:
    program = HEAD + textwrap.dedent(body)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    if number is not None:
        process.stdout.readline()  # it says when it is up
        process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, [json.loads(line) for line in errors.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_asked_to_end_finishes_its_work_and_ends_well(number: signal.Signals) -> None:
    body = """
    async def main(stop):
        print("up", flush=True)
        await stop.wait()
        await asyncio.sleep(0.1)
    raise SystemExit(lifecycle.run(main))
    """
    assert _run(body, number) == (EXIT_OK, [])


def test_a_service_that_hangs_while_stopping_is_given_up() -> None:
    body = """
    async def main(stop):
        print("up", flush=True)
        await stop.wait()
        time.sleep(60)
    raise SystemExit(lifecycle.run(main, drain_s=0.2))
    """
    status, logged = _run(body, signal.SIGTERM)
    assert (status, logged[-1]["event"]) == (EXIT_NOT_DRAINED, "not drained in time")


def test_a_thread_sees_the_wish_to_end() -> None:
    body = """
    async def main(stop):
        print("up", flush=True)
        assert await asyncio.to_thread(stop.wait_blocking, 30)
    raise SystemExit(lifecycle.run(main))
    """
    assert _run(body, signal.SIGTERM) == (EXIT_OK, [])


@pytest.mark.parametrize(
    ("raised", "event"), [('Unavailable("kafka is away")', "stopped"), ('ValueError("a mistake")', "failed")]
)
def test_a_service_that_fails_says_why_in_one_structured_line(raised: str, event: str) -> None:
    body = f"""
    async def main(stop):
        raise {raised}
    raise SystemExit(lifecycle.run(main))
    """
    status, logged = _run(body, None)
    assert (status, [line["event"] for line in logged]) == (EXIT_FAILED, [event])
    assert logged[0]["service"] == "example"
