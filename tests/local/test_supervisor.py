"""Starting in order, restarting, stopping; each part here is a real small process."""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from twilight.local.parts import Part
from twilight.local.probe import Probe
from twilight.local.servers.process import Process, Server, free_ports
from twilight.local.status import Phase
from twilight.local.supervisor import CannotStart, Supervisor
from twilight.ops.errors import Unavailable

FOREVER = "import time; print('up', flush=True); time.sleep(600)"
SOON_S = 30.0


class Program(Server):
    """A Python program as a server; `journal` hears of starts and ends."""

    def __init__(self, name: str, folder: Path, program: str, journal: list[str]) -> None:
        super().__init__(name, Process(name, [sys.executable, "-c", program], folder / f"{name}.log"))
        self._journal = journal

    def start(self) -> None:
        self._journal.append(f"start {self.name}")
        self.process.start()

    def stop(self) -> None:
        if self.is_running():
            self._journal.append(f"stop {self.name}")
        super().stop()


class Broken(Program):
    def start(self) -> None:
        raise Unavailable("no cluster can be made here")


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _run(parts: list[Part], meanwhile: Callable[[Supervisor], Awaitable[None]]) -> None:
    async def main() -> None:
        probe = Probe()
        supervisor = Supervisor(parts, probe)
        running = asyncio.create_task(supervisor.run())
        try:
            await meanwhile(supervisor)
        finally:
            supervisor.stop()
            await running
            await probe.close()

    asyncio.run(main())


def test_a_part_starts_after_what_it_needs(tmp_path: Path) -> None:
    journal: list[str] = []
    parts = [
        Part(name="second", server=Program("second", tmp_path, FOREVER, journal), needs=("first",)),
        Part(name="first", server=Program("first", tmp_path, FOREVER, journal)),
    ]

    async def meanwhile(supervisor: Supervisor) -> None:
        await _until(lambda: supervisor.parts["second"].status.state is Phase.READY)
        assert journal == ["start first", "start second"]

    _run(parts, meanwhile)


def test_a_part_that_is_killed_is_started_again_and_the_status_says_so(tmp_path: Path) -> None:
    server = Program("core", tmp_path, FOREVER, [])

    async def meanwhile(supervisor: Supervisor) -> None:
        core = supervisor.parts["core"]
        for restarts in (1, 2):
            await _until(lambda: core.status.state is Phase.READY)
            pid = core.status.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await _until(lambda: core.status.state is Phase.RESTARTING)
            assert "signal 9" in core.status.detail
            await _until(lambda: core.status.state is Phase.READY)
            assert (core.status.restarts, core.status.pid != pid) == (restarts, True)

    _run([Part(name="core", server=server)], meanwhile)


def test_a_part_is_stopped_once_all_that_need_it_have_ended(tmp_path: Path) -> None:
    journal: list[str] = []
    needs = {"kafka": (), "core": ("kafka",), "api": ("kafka",), "traders": ("api", "core")}
    servers = {name: Program(name, tmp_path, FOREVER, journal) for name in needs}
    parts = [Part(name=name, server=servers[name], needs=needs[name]) for name in needs]

    async def meanwhile(supervisor: Supervisor) -> None:
        await _until(lambda: all(each.status.pid for each in supervisor.parts.values()))

    _run(parts, meanwhile)
    ends = journal[-4:]
    assert (ends[0], sorted(ends[1:3]), ends[3]) == ("stop traders", ["stop api", "stop core"], "stop kafka")
    assert not any(server.is_running() for server in servers.values())


def test_a_server_that_cannot_start_at_all_ends_everything_with_the_reason(tmp_path: Path) -> None:
    journal: list[str] = []
    parts = [
        Part(name="kafka", server=Program("kafka", tmp_path, FOREVER, journal)),
        Part(name="postgres", server=Broken("postgres", tmp_path, FOREVER, journal)),
    ]
    with pytest.raises(CannotStart, match="postgres cannot start: no cluster can be made here"):
        _run(parts, _nothing_until_refused)
    assert journal == ["start kafka", "stop kafka"]


def test_a_service_with_wrong_settings_ends_everything_with_what_it_said(tmp_path: Path) -> None:
    program = "import sys; print('BROKER: must be set, was not', file=sys.stderr); sys.exit(2)"
    part = Part(name="core", server=Program("core", tmp_path, program, []), ops_url="http://127.0.0.1:1")
    with pytest.raises(CannotStart, match="core cannot start: BROKER: must be set, was not"):
        _run([part], _nothing_until_refused)


async def _nothing_until_refused(supervisor: Supervisor) -> None:
    await asyncio.wait_for(supervisor.stopping.wait(), SOON_S)


def test_a_part_that_lies_elsewhere_is_watched_but_never_touched() -> None:
    async def meanwhile(supervisor: Supervisor) -> None:
        listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
        await _until(lambda: supervisor.parts["kafka"].status.state is Phase.EXTERNAL)
        listener.close()
        await listener.wait_closed()
        await _until(lambda: supervisor.parts["kafka"].status.state is Phase.UNREADY)

    port = free_ports(1)[0]
    _run([Part(name="kafka", address=("127.0.0.1", port))], meanwhile)


def test_a_stop_while_parts_still_wait_for_others_is_quiet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal: list[str] = []
    parts = [
        Part(name="kafka", address=("127.0.0.1", free_ports(1)[0])),
        Part(name="core", server=Program("core", tmp_path, FOREVER, journal), needs=("kafka",)),
    ]

    async def meanwhile(supervisor: Supervisor) -> None:
        await _until(lambda: supervisor.parts["kafka"].status.state is Phase.UNREADY)

    _run(parts, meanwhile)
    gc.collect()  # an error that nobody looked at is told now
    assert [record.message for record in caplog.records] == []
    assert journal == []
