"""Keeps one venue connected: a thin shell of links and timers around `Session` and `VenueBook`.

Price feed specification 4.
"""

import asyncio
import contextlib
import functools
import random
import ssl
from dataclasses import dataclass, field

import picows
from picows import ws_connect

from twilight.feeder.backoff import Backoff
from twilight.feeder.clock import Clock
from twilight.feeder.link import Link
from twilight.feeder.quotes import VenueBook
from twilight.feeder.session import FRAME_BYTES_MAX, Session
from twilight.feeder.venues import Venue
from twilight.ops.logs import get

CONNECT_WITHIN_S = 10.0
CLOSE_WITHIN_S = 1.0
NOT_CONNECTED = (OSError, TimeoutError, picows.WSError, ValueError)
HEADERS = {"User-Agent": "twilight-feeder"}
_log = get(__name__)


@functools.cache
def tls() -> ssl.SSLContext:
    """Return the context that verifies certificates; made once, because reading all authorities takes a while."""
    return ssl.create_default_context()


@dataclass(slots=True)
class LinkCounters:
    """What an operator wants to know of a venue's links."""

    frames: int = 0
    bad_frames: int = 0
    reconnects: int = 0
    last_error: str = ""


@dataclass(slots=True)
class VenueKeeper:
    """Keeps one venue connected for ever, and its book filled."""

    venue: Venue
    book: VenueBook
    clock: Clock
    link_stale_ms: int
    chance: random.Random
    counters: LinkCounters = field(default_factory=LinkCounters)
    active: Link | None = None
    _candidate: Link | None = None
    _replacing: asyncio.Task[None] | None = None
    _connections: int = 0

    async def run(self, start_after_s: float) -> None:
        """Connect, stay connected, wait as the back-off says, connect again; end only when cancelled."""
        backoff = Backoff(self.venue.limits.backoff_floor_s, self.chance)
        await asyncio.sleep(start_after_s)
        try:
            while True:
                link = await self._open()
                if link is not None:
                    last = await self._until_closed(link)
                    backoff.worked_for(last.session.good_data_s())
                await asyncio.sleep(backoff.next_s())
        finally:
            await self._close_all()

    def turn(self, now_ms: int) -> None:
        """Let every link look at the time: keep-alives, limits, replacement before the venue's age limit."""
        for link in (self.active, self._candidate):
            if link is None:
                continue
            ping = link.session.turn(now_ms)
            self._heed(link)
            if ping is not None:
                link.send(ping.text)
        if self.active is not None and self._replacing is None and self.active.session.wants_replacement(now_ms):
            self._replacing = asyncio.create_task(self._replace(), name=f"replace {self.venue.name}")

    def opened(self, link: Link) -> None:
        """Begin with a link that has just been opened, before any of its frames is read."""
        if link.is_replacement:
            self._candidate = link
            return
        self.counters.reconnects += self._connections > 0
        self._connections += 1
        self.active = link
        self.book.connected(self.clock.now_ms())
        _log.info("venue connected", venue=self.venue.name, url=self.venue.address)

    def heard(self, link: Link, frame: bytes) -> None:
        """Take in one text message."""
        now_ms = self.clock.now_ms()
        self.counters.frames += 1
        quotes = link.session.received(frame, now_ms)
        if link is self._candidate and any(quote.symbol == self.venue.symbol for quote in quotes):
            self._promote(link)
        if link is self.active:
            self.book.heard(now_ms)
            self.book.paused = link.session.paused
            if quotes:
                self.book.offer(quotes, now_ms, self.clock.wall_at(now_ms))
        self._heed(link)

    def heard_binary(self, link: Link) -> None:
        """Take in a binary message: no venue sends any."""
        link.session.unreadable("a binary message", self.clock.now_ms())
        self._heed(link)

    def heard_control(self, link: Link) -> None:
        """Take in a frame that is no whole message: a ping, a pong, a piece; it shows that the link lives."""
        now_ms = self.clock.now_ms()
        link.session.alive(now_ms)
        if link is self.active:
            self.book.heard(now_ms)
        self._heed(link)

    def failed(self, reason: str) -> None:
        """Remember why a link ends or could not be opened."""
        self.counters.last_error = reason
        _log.warning("venue link", venue=self.venue.name, reason=reason)

    def ended(self, link: Link) -> None:
        """Note the end of a link: without an active one the venue is DOWN."""
        self.counters.bad_frames += link.session.bad_frames
        if link is self.active:
            self.active = None
            self.book.disconnected()
        if link is self._candidate:
            self._candidate = None

    @property
    def bad_frames(self) -> int:
        """Return the bad frames of all links so far."""
        return self.counters.bad_frames + (self.active.session.bad_frames if self.active else 0)

    def new_session(self) -> Session:
        """Return the session of a connection that begins now."""
        return Session(self.venue, self.venue.symbols, self.link_stale_ms, self.clock.now_ms())

    async def _open(self, *, is_replacement: bool = False) -> Link | None:
        link = Link(self, is_replacement=is_replacement)
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await ws_connect(
                    lambda: link,
                    self.venue.address,
                    ssl_context=tls(),
                    extra_headers=HEADERS,
                    websocket_handshake_timeout=CONNECT_WITHIN_S,
                    enable_auto_pong=False,
                    max_frame_size=FRAME_BYTES_MAX,
                    max_redirects=0,
                    logger_name=self.venue.name,
                )
        except NOT_CONNECTED as error:
            self.failed(f"cannot connect: {type(error).__name__} {error}".strip())
            return None
        if not link.was_opened:
            self.failed("cannot connect: the venue closed the connection during the handshake")
            return None
        return link

    async def _until_closed(self, link: Link) -> Link:
        """Return the last link of a chain of replacements when it has closed."""
        while True:
            await link.closed.wait()
            if self.active is None:
                await self._stop_replacing()
                return link
            link = self.active

    async def _replace(self) -> None:
        """Open a second link and switch at its first quote, so that the venue is never without one."""
        backoff = Backoff(self.venue.limits.backoff_floor_s, self.chance)
        while True:
            candidate = await self._open(is_replacement=True)
            if candidate is not None:
                await candidate.closed.wait()
            await asyncio.sleep(backoff.next_s())

    def _promote(self, link: Link) -> None:
        old, self.active, self._candidate = self.active, link, None
        self.book.connected(self.clock.now_ms())
        self._connections += 1
        self.counters.reconnects += 1
        if self._replacing is not None:
            self._replacing.cancel()
            self._replacing = None
        if old is not None:
            old.close()
        _log.info("venue link replaced before its age limit", venue=self.venue.name)

    def _heed(self, link: Link) -> None:
        session = link.session
        for refusal in session.refusals:
            self.failed(f"subscription refused: {refusal}")
        session.refusals.clear()
        if session.close_reason is not None and not link.is_closing:
            self.failed(session.close_reason)
            link.cut()

    async def _stop_replacing(self) -> None:
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.wait([self._replacing])
            self._replacing = None
        if self._candidate is not None:
            self._candidate.close()

    async def _close_all(self) -> None:
        await self._stop_replacing()
        links = [link for link in (self.active, self._candidate) if link is not None]
        for link in links:
            link.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                for link in links:
                    await link.closed.wait()
