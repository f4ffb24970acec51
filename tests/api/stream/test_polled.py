import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from books import Books

from twilight.api.call import Services
from twilight.api.errors import CallFailed
from twilight.api.stream.channel import BEHIND_MAX, Channel, Overflow
from twilight.api.stream.hub import Hub
from twilight.api.stream.polled import BOOK, BOOK_SNAPSHOT, BookFeed, CandleFeed, feeds, floor
from twilight.api.stream.session import Session

NOW = datetime.now(UTC)
UUIDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(12)]


class Peer:
    def __init__(self) -> None:
        self.blocked = False
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def params(self) -> list[Any]:
        return [json.loads(frame[frame.index(b"{") :])["params"] for frame in self.frames]


def listen(channel: Channel, start: str | int = "now") -> Peer:
    peer = Peer()
    session = Session(peer)
    session.subscribe(channel, start)
    session.activate()
    return peer


def entry(books: Books, number: int, side: str, cents: int, size: int) -> None:
    books.insert(
        "order_book_entry",
        order_uuid=UUIDS[number],
        kind="OPEN",
        side=side,
        price_cents=cents,
        size=size,
        last_src_offset=1,
    )


def archived(books: Books, next_offset: int) -> None:
    books.run("delete from ingest_offset")
    books.insert("ingest_offset", consumer="archiver", stream="core", partition=0, next_offset=next_offset)


def polled(books: Books, work: Callable[[Hub, BookFeed, Services], Awaitable[None]]) -> None:
    async def use(services: Services) -> None:
        hub = services.hub
        (book,) = (feed for feed in feeds(hub) if isinstance(feed, BookFeed))
        await work(hub, book, services)

    books.work(use)


@pytest.mark.servers
def test_the_book_tells_each_level_that_changed_with_its_new_total(books: Books) -> None:
    async def work(hub: Hub, feed: BookFeed, services: Services) -> None:
        entry(books, 0, "bid", 4_450_025, 10)
        archived(books, 5)
        peer = listen(hub.channels[BOOK])
        await feed.poll(services.database, 1)
        entry(books, 1, "bid", 4_450_025, 20)
        entry(books, 2, "ask", 4_500_050, 7)
        books.run("delete from order_book_entry where order_uuid = %s", UUIDS[0])
        archived(books, 9)
        await feed.poll(services.database, 2)
        books.run("delete from order_book_entry where order_uuid = %s", UUIDS[2])
        archived(books, 11)
        await feed.poll(services.database, 3)
        got = [(message["result"], message["seq"], message["prev_seq"]) for message in peer.params()]
        assert got == [
            ({"ask": {"id": "", "positionsize": 7.0, "price": 45_000.5}}, 8, None),
            ({"bid": {"id": "", "positionsize": 20.0, "price": 44_500.25}}, 8, 8),
            ({"ask": {"id": "", "positionsize": 0.0, "price": 45_000.5}}, 10, 8),
        ]

    polled(books, work)


@pytest.mark.servers
def test_a_subscriber_of_changes_can_begin_with_the_whole_book(books: Books) -> None:
    async def work(hub: Hub, feed: BookFeed, services: Services) -> None:
        entry(books, 0, "bid", 100, 10)
        archived(books, 5)
        first = listen(hub.channels[BOOK], "snapshot")
        assert first.frames == []
        await feed.poll(services.database, 1)
        second = listen(hub.channels[BOOK], "snapshot")
        whole = {"bid": [{"id": "", "positionsize": 10.0, "price": 1.0}], "ask": []}
        for peer in (first, second):
            (message,) = peer.params()
            assert (message["result"], message["seq"]) == (whole, 4)

    polled(books, work)


@pytest.mark.servers
def test_a_snapshot_holds_every_level_that_later_changes_may_touch(books: Books) -> None:
    async def work(hub: Hub, feed: BookFeed, services: Services) -> None:
        for number in range(12):
            entry(books, number, "bid", 100 + number, 10)
        archived(books, 5)
        await feed.poll(services.database, 1)
        (message,) = listen(hub.channels[BOOK], "snapshot").params()
        assert [level["price"] for level in message["result"]["bid"]] == [(111 - number) / 100 for number in range(12)]

    polled(books, work)


@pytest.mark.servers
def test_the_whole_book_comes_at_most_once_a_second_and_only_when_changed(books: Books) -> None:
    async def work(hub: Hub, feed: BookFeed, services: Services) -> None:
        archived(books, 1)
        peer = listen(hub.channels[BOOK_SNAPSHOT])
        for turn in range(1, 13):
            if turn == 5:
                entry(books, 0, "bid", 100, 10)
            await feed.poll(services.database, turn)
        assert [len(message["result"]["bid"]) for message in peer.params()] == [0, 1]

    polled(books, work)


def test_one_who_lost_changes_of_the_book_gets_the_whole_instead() -> None:
    channel = Channel("order_book", Overflow.SNAPSHOT, snapshot=lambda: b'"whole"')
    peer = Peer()
    session = Session(peer)
    session.subscribe(channel, "now")
    session.activate()
    peer.blocked = True
    for seq in range(BEHIND_MAX + 10):
        channel.publish(seq, b'"change"')
    peer.blocked = False
    session.resume()
    channel.publish(999, b'"change"')
    assert [message["result"] for message in peer.params()] == ["whole", "change"]


def test_changes_that_share_a_sequence_are_sent_again_on_resume() -> None:
    channel = Channel("order_book", Overflow.SNAPSHOT, snapshot=lambda: b'"whole"')
    for seq, change in ((1, b'"a"'), (2, b'"b"'), (2, b'"c"')):
        channel.publish(seq, change)
    assert [message["result"] for message in listen(channel, 2).params()] == ["b", "c"]


def test_a_channel_that_nobody_fed_cannot_be_resumed() -> None:
    hub = Hub()
    feeds(hub)
    with pytest.raises(CallFailed) as refused:
        listen(hub.channels[BOOK], 5)
    assert refused.value.data == {"reason": "RESUME_TOO_OLD", "oldest_seq": None}


@pytest.mark.servers
def test_the_current_candle_is_sent_when_an_event_changed_it(books: Books) -> None:
    async def work(services: Services) -> None:
        channel = Channel("candle_data")
        feed = CandleFeed("ONE_DAY", (channel,))
        peer = listen(channel)
        day = floor(datetime.now(UTC), timedelta(days=1))
        books.candle(86_400, day, ("1", "2", "1", "2"), last_offset=7)
        for turn in range(3):
            await feed.poll(services.database, turn)
        books.run("update candle set close = 3, high = 3, last_offset = 9")
        await feed.poll(services.database, 4)
        got = [(m["seq"], m["prev_seq"], [c["close"] for c in m["result"]]) for m in peer.params()]
        assert got == [(7, None, ["2"]), (9, 7, ["3"])]

    books.work(work)


@pytest.mark.servers
def test_a_candle_that_closes_late_is_sent_once_more_with_its_final_figures(books: Books) -> None:
    async def work(services: Services) -> None:
        channel = Channel("candle_data")
        feed = CandleFeed("ONE_DAY", (channel,))
        peer = listen(channel)
        day = timedelta(days=1)
        books.candle(86_400, today := floor(datetime.now(UTC), day), ("1", "2", "1", "2"), last_offset=7)
        books.candle(86_400, today - day, ("1", "1", "1", "1"), last_offset=5)
        feed._since = today - day  # yesterday's candle was the newest at the last reading
        await feed.poll(services.database, 1)
        await feed.poll(services.database, 2)
        assert [[c["close"] for c in m["result"]] for m in peer.params()] == [["1", "2"]]

    books.work(work)


@pytest.mark.servers
def test_the_rolling_day_is_one_candle_of_the_minutes_since_yesterday(books: Books) -> None:
    async def work(services: Services) -> None:
        channel = Channel("candle_data")
        feed = CandleFeed("ONE_DAY_CHANGE", (channel,))
        peer = listen(channel)
        for hours, price in ((25, "9"), (23, "1"), (1, "2")):
            start = floor(NOW - timedelta(hours=hours), timedelta(minutes=1))
            books.candle(60, start, (price,) * 4, last_offset=100 - hours)
        for turn in range(1, 5):
            await feed.poll(services.database, turn)
        (message,) = peer.params()
        assert [(candle["open"], candle["close"]) for candle in message["result"]] == [("1", "2")]

    books.work(work)


def test_every_interval_and_alias_has_its_channel() -> None:
    hub = Hub()
    feeds(hub)
    assert {"candle_data/ONE_DAY_CHANGE", "candle_update/ONE_MINUTE", "candle_data_24hr"} <= hub.channels.keys()
    assert hub.channels["candle_data/ONE_DAY"].name == "candle_data"
    assert asyncio.run(_names()) >= {"subscribe_candle_data_15min", "unsubscribe_candle_update"}


async def _names() -> set[str]:
    from twilight.api.methods import SOCKET_METHODS  # noqa: PLC0415

    return {method.name for method in SOCKET_METHODS}
