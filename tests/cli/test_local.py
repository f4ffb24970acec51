import asyncio
import threading
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from twilight.cli.local import app
from twilight.local.venues.floor import Floor
from twilight.local.venues.hub import Hub
from twilight.local.venues.market import Walk

WITHIN_S = 20


@pytest.fixture
def control() -> Iterator[str]:
    """The control link of venue servers that play in a thread of their own."""
    url: list[str] = []
    opened, stop = threading.Event(), threading.Event()

    async def main() -> None:
        hub = Hub(Floor(Walk(1)), market="walk")
        await hub.start()
        url.append(hub.status().control)
        opened.set()
        while not stop.is_set():  # noqa: ASYNC110 - a thread's event
            await asyncio.sleep(0.01)
        await hub.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert opened.wait(WITHIN_S)
    yield url[0]
    stop.set()
    thread.join(WITHIN_S)


def test_a_fault_is_set_shown_and_cleared(control: str) -> None:
    command = ["fault", "--control", control]
    started = CliRunner().invoke(app, [*command, '{"kind":"freeze","venues":["okx"]}'])
    cleared = CliRunner().invoke(app, [*command, "--clear", "all"])
    assert (started.exit_code, '"freeze"' in started.stdout) == (0, True)
    assert (cleared.exit_code, '"freeze"' in cleared.stdout) == (0, False)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ('{"kind":"melt"}', "Invalid value 'melt'"),
        ('{"kind":"offset"}', "missing required field `bps`"),
        ('{"kind":"drop","venues":["mtgox"]}', "was 'mtgox'"),
    ],
)
def test_a_wrong_fault_is_one_line_and_exit_1(control: str, spec: str, reason: str) -> None:
    refused = CliRunner().invoke(app, ["fault", "--control", control, spec])
    assert refused.exit_code == 1
    assert reason in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_servers_that_are_not_there_are_one_line_and_exit_1() -> None:
    refused = CliRunner().invoke(app, ["fault", "--control", "ws://127.0.0.1:9/"])
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 1
