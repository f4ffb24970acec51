"""Candles and the book: read from what the archiver made, while somebody listens.

They are projections already, in one transaction with the events, so a stream of them is the difference
between two readings: it can never disagree with ``candle_data`` and ``open_limit_orders``. A channel that
nobody listens to is not read.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

from twilight.api.book import BOOK_LEVELS, levels
from twilight.api.candles import INTERVALS, ONE_DAY_CHANGE, candle_rows
from twilight.api.database import Database
from twilight.api.errors import RpcError
from twilight.api.results import Book, BookLevel, Candle
from twilight.api.stream.channel import Channel, Overflow
from twilight.api.stream.hub import Hub
from twilight.ops import logs

POLL_S = 0.25
SLOW_POLLS = 4  # what changes slowly is read at every fourth poll, once a second

BOOK, BOOK_SNAPSHOT = "order_book", "order_book/snapshot"
CANDLES, CANDLE_UPDATE = "candle_data", "candle_update"
RESOLUTIONS = {
    "1min": "ONE_MINUTE",
    "5min": "FIVE_MINUTE",
    "15min": "FIFTEEN_MINUTE",
    "30min": "THIRTY_MINUTE",
    "1hr": "ONE_HOUR",
    "4hr": "FOUR_HOUR",
    "8hr": "EIGHT_HOUR",
    "12hr": "TWELVE_HOUR",
    "24hr": "ONE_DAY",
}

_ENCODER = msgspec.json.Encoder()
_log = logs.get(__name__)

Levels = dict[tuple[str, int], float]


class Feed(Protocol):
    """One source of messages for some channels."""

    channels: tuple[Channel, ...]

    async def poll(self, database: Database, turn: int) -> None:
        """Read, and publish what changed."""

    def rest(self) -> None:
        """Forget what was read: nobody listens any more."""


class CandleFeed:
    """The current candle of one interval; two when a new one has just begun, the closed one first."""

    def __init__(self, interval: str, channels: tuple[Channel, ...]) -> None:
        self.channels = channels
        self._interval = interval
        self._length = INTERVALS[interval][2]
        self._since: datetime | None = None
        self._seq = -1

    async def poll(self, database: Database, turn: int) -> None:
        """Publish the candle if an event changed it since the last reading."""
        now = datetime.now(UTC)
        if self._interval == ONE_DAY_CHANGE:
            if turn % SLOW_POLLS:
                return
            candles, seq = await candle_rows(database, self._interval, now - self._length, 1, 0)
        else:
            current = floor(now, self._length)
            candles, seq = await candle_rows(database, self._interval, self._since or current, 2, 0)
            # From the newest candle on: until the next one is there, it may still change.
            self._since = datetime.fromisoformat(candles[-1].start) if candles else self._since or current
        if candles and seq is not None and seq > self._seq:
            self._publish(candles, seq)

    def _publish(self, candles: list[Candle], seq: int) -> None:
        for channel in self.channels:
            if self._seq < 0:
                channel.restart(seq - 1)
            channel.publish(seq, _ENCODER.encode(candles))
        self._seq = seq

    def rest(self) -> None:
        """Forget what was read."""
        self._since, self._seq = None, -1
        for channel in self.channels:
            channel.rest()


class BookFeed:
    """The book: each level's new total as it changes, and the whole at most once a second."""

    def __init__(self, changes: Channel, snapshots: Channel) -> None:
        self.channels: tuple[Channel, ...] = (changes, snapshots)
        self._changes, self._snapshots = changes, snapshots
        self._levels: Levels | None = None
        self._shown = b""
        changes.snapshot = self._all_levels

    async def poll(self, database: Database, turn: int) -> None:
        """Publish the levels that differ from the last reading."""
        rows = await database.rows("book_levels", "order info")
        if not rows:
            return
        seq, found = int(rows[0].seq), _levels(rows)
        if self._levels is None:
            self._begin(seq, found)
        before, self._levels = self._levels or {}, found
        for side, price_cents in changed(before, found):
            level = BookLevel("", found.get((side, price_cents), 0.0), price_cents / 100)
            self._changes.publish(seq, _ENCODER.encode({side: level}))
        whole = self._whole(BOOK_LEVELS)
        if not turn % SLOW_POLLS and whole is not None and whole != self._shown:
            self._snapshots.publish(seq, whole)
            self._shown = whole

    def _begin(self, seq: int, found: Levels) -> None:
        self._levels = found
        for channel in self.channels:
            channel.restart(seq)
        for subscription in list(self._changes.subscribers):
            self._changes.pump(subscription)

    def _all_levels(self) -> bytes | None:
        """Return every level: the changes that follow may touch any of them."""
        return self._whole(None)

    def _whole(self, levels_max: int | None) -> bytes | None:
        if self._levels is None:
            return None
        sides = (levels(self._levels, side, levels_max) for side in ("bid", "ask"))
        return _ENCODER.encode(Book(*sides))

    def rest(self) -> None:
        """Forget what was read."""
        self._levels, self._shown = None, b""
        for channel in self.channels:
            channel.rest()


def changed(before: Levels, after: Levels) -> list[tuple[str, int]]:
    """Return the levels whose totals differ."""
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def floor(moment: datetime, length: timedelta) -> datetime:
    """Return the start of the interval around a moment, counted from the epoch."""
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % length


def _levels(rows: list[Any]) -> Levels:
    return {(row.side, int(row.price_cents)): float(row.size) for row in rows if row.side is not None}


def feeds(hub: Hub) -> list[Feed]:
    """Make the channels of candles and book in the hub, and return what feeds them."""
    made: list[Feed] = []
    names = {interval: f"candle_data_{word}" for word, interval in RESOLUTIONS.items()}
    for interval in INTERVALS:
        channels = [hub.add(f"{name}/{interval}", name) for name in (CANDLES, CANDLE_UPDATE)]
        if interval in names:
            channels.append(hub.add(names[interval], names[interval]))
        made.append(CandleFeed(interval, tuple(channels)))
    changes = hub.add(BOOK, BOOK, overflow=Overflow.SNAPSHOT)
    made.append(BookFeed(changes, hub.add(BOOK_SNAPSHOT, BOOK)))
    for feed in made:
        feed.rest()
    return made


async def run_feeds(made: list[Feed], database: Database) -> None:
    """Poll for ever what somebody listens to."""
    turn, awake = 0, set[int]()
    while True:
        await asyncio.sleep(POLL_S)
        turn += 1
        for number, feed in enumerate(made):
            if any(channel.subscribers for channel in feed.channels):
                awake.add(number)
                await _poll(feed, database, turn)
            elif number in awake:
                awake.discard(number)
                feed.rest()


async def _poll(feed: Feed, database: Database, turn: int) -> None:
    try:
        await feed.poll(database, turn)
    except RpcError as error:
        _log.warning("feed_not_read", channel=feed.channels[0].name, error=error.message)
