"""Keep all parts running: start what has what it needs, watch, start again with back-off, stop in order."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import psutil  # type: ignore[import-untyped]  # it has no types

from twilight.local.parts import Part
from twilight.local.probe import Answer, Probe, is_listening
from twilight.local.restarts import Restarts
from twilight.local.servers.process import Server
from twilight.local.status import PartStatus, Phase
from twilight.ops.errors import TwilightError

LOOK_S = 0.5
EXIT_SETTINGS = 2


class CannotStart(TwilightError):
    """A part cannot even start once: what it says must be mended first."""


class Supervised:
    """One part, how it is, and what it last said of itself."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.status = PartStatus(part.name)
        self.body: dict[str, Any] = {}
        self.was_ready = asyncio.Event()
        self._restarts = Restarts()
        self._started_s = time.monotonic()

    def starts(self) -> None:
        """Note that it is being started."""
        self._started_s = time.monotonic()
        self._note(Phase.STARTING, "")

    def says(self, answer: Answer) -> None:
        """Note what a running part answered."""
        self.body = dict(answer.body)
        if answer.is_ready:
            self.was_ready.set()
            self._note(Phase.READY, "")
        else:
            self._note(Phase.UNREADY if self.was_ready.is_set() else Phase.STARTING, answer.detail)

    def dies(self, why: str) -> float:
        """Note its death and return the pause (seconds) before it is started again."""
        pause_s = self._restarts.after_death(time.monotonic() - self._started_s)
        self.status.restarts = self._restarts.count
        self.body = {}
        self._note(Phase.RESTARTING, f"again in {pause_s:.0f} s, {why}" if pause_s >= 1 else why)
        return pause_s

    def stops(self) -> None:
        """Note that it was stopped."""
        self._note(Phase.STOPPED, "")

    def lies_elsewhere(self, *, answers: bool) -> None:
        """Note how a part is that we only use."""
        if answers:
            self.was_ready.set()
            self._note(Phase.EXTERNAL, "")
        else:
            self._note(Phase.UNREADY, "does not answer")

    def _note(self, phase: Phase, detail: str) -> None:
        pid = self.part.server.pid if self.part.server else None
        if pid != self.status.pid:
            self.status.born_s = _born_s(pid)
        self.status.pid, self.status.state, self.status.detail = pid, phase, detail


class Supervisor:
    """All parts. `run` returns after `stop` was set and everything has ended."""

    def __init__(self, parts: Sequence[Part], probe: Probe) -> None:
        self.parts = {part.name: Supervised(part) for part in parts}
        self._probe = probe
        self.stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask everything to end."""
        self.stopping.set()

    async def run(self) -> None:
        """Keep the parts running until asked to stop.

        Raises:
            CannotStart: a part cannot start for a reason that only the operator can mend.
        """
        tasks = [asyncio.create_task(self._keep(each), name=each.part.name) for each in self.parts.values()]
        stopped = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stopping.set()
            await self._end()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self._end()
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _keep(self, each: Supervised) -> None:
        await self._until_any_stop(*(self.parts[need].was_ready.wait() for need in each.part.needs))
        server = each.part.server
        while not self.stopping.is_set():
            if server is None:
                each.lies_elsewhere(answers=await is_listening(*each.part.address))
                await self._pause(LOOK_S * 4)
                continue
            why = await self._live(each, server)
            if self.stopping.is_set():
                return
            _refuse_hopeless(each, server, why)
            await self._pause(each.dies(why))

    async def _live(self, each: Supervised, server: Server) -> str:
        """Start a part and watch it until it ends; return why it ended."""
        each.starts()
        try:
            await asyncio.to_thread(server.start)
            if each.part.after_start is not None:
                await asyncio.to_thread(each.part.after_start)
        except (TwilightError, OSError) as error:
            await asyncio.to_thread(server.stop)
            return str(error)
        while server.is_running() and not self.stopping.is_set():
            each.says(await self._ask(each.part))
            server.process.shorten_log()
            await self._pause(LOOK_S)
        return f"ended with {_ending(server.process.exit_status)}"

    async def _ask(self, part: Part) -> Answer:
        return await self._probe.ready(part.ops_url) if part.ops_url else Answer(is_ready=True)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _until_any_stop(self, *waits: Any) -> None:  # noqa: ANN401 - coroutines of events
        """Return when all events are set, or at once when asked to stop."""
        all_set: asyncio.Future[Any] = asyncio.gather(*waits)
        stopped = asyncio.create_task(self.stopping.wait())
        await asyncio.wait([all_set, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in (all_set, stopped):
            task.cancel()
        await asyncio.gather(all_set, stopped, return_exceptions=True)

    async def _end(self) -> None:
        """Stop every part as soon as all that need it have ended."""
        ended = {name: asyncio.Event() for name in self.parts}

        async def end(name: str, each: Supervised) -> None:
            await asyncio.gather(*(ended[user].wait() for user in self._users_of(name)))
            await _stop_one(each)
            ended[name].set()

        await asyncio.gather(*(end(name, each) for name, each in self.parts.items()))

    def _users_of(self, name: str) -> list[str]:
        return [user for user, each in self.parts.items() if name in each.part.needs]


async def _stop_one(each: Supervised) -> None:
    if each.part.server is not None:
        await asyncio.to_thread(each.part.server.stop)
        each.stops()


def _refuse_hopeless(each: Supervised, server: Server, why: str) -> None:
    """Give up on a part that has never been ready and says that its settings are wrong, or is a server of ours."""
    if each.was_ready.is_set():
        return
    if server.process.exit_status == EXIT_SETTINGS:
        raise CannotStart(f"{each.part.name} cannot start: {server.process.log_tail(1)}")
    if not each.part.ops_url:
        raise CannotStart(f"{each.part.name} cannot start: {why}")


def _ending(status: int | None) -> str:
    return f"signal {-status}" if status is not None and status < 0 else f"status {status}"


def _born_s(pid: int | None) -> float | None:
    try:
        return None if pid is None else psutil.Process(pid).create_time()
    except psutil.Error:
        return None
