"""All venue servers of this machine around one floor: the loop, the clock and the files."""

import asyncio
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec
from websockets.asyncio.server import Server

from twilight.local.venues.control import Command, Status, VenueStatus, serve_control
from twilight.local.venues.errors import RefusedFaultError
from twilight.local.venues.floor import Floor
from twilight.local.venues.registry import VENUES
from twilight.local.venues.server import Conduct, VenueServer

HOUSEKEEPING_S: Final = 0.25
NS_PER_MS: Final = 1_000_000
NS_PER_US: Final = 1_000


class WaitFor(StrEnum):
    """When the market opens: at once, at the first subscribed link, or when all eight are."""

    NONE = "none"
    ANY = "any"
    ALL = "all"


class State(StrEnum):
    """Where the market is."""

    WAITING = "waiting"
    PLAYING = "playing"
    ENDED = "ended"


class Hub:
    """Eight venue servers that play one floor.

    The market's microsecond 0 is the moment it opens, on the monotonic clock, so
    a stepped system clock changes no timing.
    """

    def __init__(self, floor: Floor, *, market: str, wait_for: WaitFor = WaitFor.NONE, opens_every_ms: int = 1) -> None:
        """Prepare; ``market`` is what the status calls this market.

        It opens at the next multiple of ``opens_every_ms`` of the wall clock: a recording that begins on a whole
        second has its times on the ticks of every feeder.
        """
        conduct = Conduct(self._refuses, self._is_mute, self._drip, self._snapshot, self._note_subscribed)
        self.servers = {name: VenueServer(venue, conduct) for name, venue in VENUES.items()}
        self.urls: dict[str, str] = {}
        self._floor = floor
        self._market = market
        self._opens_every_ns = opens_every_ms * NS_PER_MS
        self._needed = {WaitFor.NONE: 0, WaitFor.ANY: 1, WaitFor.ALL: len(VENUES)}[wait_for]
        self._seen: set[str] = set()
        self._opened_ns: int | None = None
        self._started_at_ms: int | None = None
        self._wake = asyncio.Event()
        self._control: Server | None = None
        self._control_url = ""

    async def start(self, ports: Mapping[str, int] | None = None) -> dict[str, str]:
        """Open all ports (free ones unless named) and return venue -> URL."""
        for name, server in self.servers.items():
            self.urls[name] = await server.start((ports or {}).get(name, 0))
        self._control, self._control_url = await serve_control(self.obey)
        self._open_when_ready()
        return self.urls

    async def close(self) -> None:
        """Close all connections and ports."""
        if self._control is not None:
            self._control.close()
        await asyncio.gather(*(server.close() for server in self.servers.values()))

    async def play(self) -> None:
        """Send every frame at its time; return at the end of a recording."""
        keeper = asyncio.create_task(self._keep_house())
        try:
            while self.state is not State.ENDED:
                self._send_due()
                await self._pause()
        finally:
            keeper.cancel()

    def replace_floor(self, floor: Floor) -> None:
        """Begin again with another floor; all connections are cut, since times and numbers start anew."""
        self._floor, self._opened_ns, self._started_at_ms = floor, None, None
        self._seen.clear()
        for server in self.servers.values():
            server.cut()
        self._open_when_ready()

    @property
    def state(self) -> State:
        """Return where the market is."""
        if self._opened_ns is None:
            return State.WAITING
        return State.ENDED if self._floor.next_due_us() is None else State.PLAYING

    def obey(self, command: Command) -> Status:
        """Carry out a command and return the status.

        Raises:
            RefusedFaultError: see `Floor.add`.
        """
        if command.fault is not None:
            if self._opened_ns is None:
                raise RefusedFaultError("the market has not opened yet")
            now_s = self._now_us() / 1e6
            self._floor.add(msgspec.structs.replace(command.fault, at_s=now_s + command.fault.at_s))
        if command.clear is not None:
            self._floor.clear(command.clear)
        self._cut_refused()
        self._wake.set()
        return self.status()

    def status(self) -> Status:
        """Return what all servers are doing."""
        venues = {name: self._venue_status(name, server) for name, server in self.servers.items()}
        return Status(self._market, self.state.value, self._started_at_ms, self._control_url, venues)

    def _venue_status(self, name: str, server: VenueServer) -> VenueStatus:
        faults = [fault.kind for fault in self._floor.active(name, self._now_us())]
        counts = server.clients, server.subscribed, server.connections, server.frames_sent
        return VenueStatus(self.urls[name], *counts, faults)

    def _now_us(self) -> int:
        return 0 if self._opened_ns is None else (time.monotonic_ns() - self._opened_ns) // NS_PER_US

    def _open_when_ready(self) -> None:
        if self._opened_ns is None and len(self._seen) >= self._needed:
            wall_ns = time.time_ns()
            wait_ns = -wall_ns % self._opens_every_ns
            self._opened_ns = time.monotonic_ns() + wait_ns
            self._started_at_ms = (wall_ns + wait_ns) // NS_PER_MS
            self._floor.wall_us = (wall_ns + wait_ns) // NS_PER_US
            self._wake.set()

    def _note_subscribed(self, name: str) -> None:
        self._seen.add(name)
        self._open_when_ready()

    def _refuses(self, name: str) -> bool:
        return self._opened_ns is not None and self._floor.refuses(name, self._now_us())

    def _is_mute(self, name: str) -> bool:
        return self._opened_ns is not None and self._floor.is_mute(name, self._now_us())

    def _drip(self, name: str) -> int | None:
        return self._floor.drip_bytes_per_s(name, self._now_us())

    def _snapshot(self, name: str, product: str) -> str | None:
        return self._floor.snapshot(name, product, self._now_us())

    def _send_due(self) -> None:
        if self._opened_ns is None:
            return
        for emission in self._floor.advance(self._now_us()):
            self.servers[emission.venue].publish(emission)

    async def _pause(self) -> None:
        due_us = self._floor.next_due_us()
        pause_s = HOUSEKEEPING_S
        if self._opened_ns is not None and due_us is not None:
            pause_s = min(pause_s, max(0.0, (due_us - self._now_us()) / 1e6))
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), pause_s)
        except TimeoutError:
            return

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self._cut_refused()
            for server in self.servers.values():
                server.expire(asyncio.get_running_loop().time())

    def _cut_refused(self) -> None:
        for name, server in self.servers.items():
            if self._refuses(name):
                server.cut()
