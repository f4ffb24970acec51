"""In which order the loop takes what waits (decisions R5)."""

import json
from collections import deque
from collections.abc import Callable, Iterable

from tests.core.feeders import SignedFeeder
from tests.core.traffic import create

from twilight.bus import Outgoing, Record
from twilight.core.arrivals import Arrival, read_arrival
from twilight.core.clock import Clock
from twilight.core.cycle import Cycle
from twilight.core.exchange import Exchange, Topics
from twilight.core.feed import AcceptedTick, Feed, Refusal
from twilight.core.ids import Uuids
from twilight.core.loop import Inbox, Loop
from twilight.core.publisher import DirectPublisher
from twilight.domain.engine import new_engine
from twilight.domain.inputs import Conditions, FeedStatus, Genesis

STARTED_MS = 1_775_808_000_000


class Writes:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def init(self, timeout_s: float | None = None) -> None: ...

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        self.values += [value for _, _, value in records]
        return {"events": len(self.values) - 1}


class Queues:
    """Gives what the test says, and takes its time for it."""

    def __init__(self) -> None:
        self.reads: deque[Callable[[], list[Arrival]]] = deque()

    def read(self, _records_max: int) -> list[Arrival]:
        return self.reads.popleft()() if self.reads else []


class Silent:
    """A chain that is never asked."""

    def turn(self) -> list[object]:
        return []


class Scene:
    def __init__(self) -> None:
        self.now_ms = STARTED_MS
        self._feeder = SignedFeeder()
        self._feed = Feed([[self._feeder.public_key]], started_ms=STARTED_MS)
        self._ticks: deque[AcceptedTick] = deque()
        self.queues, self.writes = Queues(), Writes()
        clock = Clock(lambda: self.now_ms * 10**6, lambda: self.now_ms * 10**6)
        exchange = Exchange(new_engine(Uuids()), Topics("events", "failed", "intents"))
        exchange.take(
            Genesis("85c5b2e5-bcda-4ab1-9b83-2de488aa6357"), Conditions(STARTED_MS * 10**6, FeedStatus.STARTING)
        )
        inbox, publisher = Inbox(self._ticks, deque()), DirectPublisher(self.writes, "events", -1)
        self.loop = Loop(exchange, Cycle(1), self.queues, inbox, publisher, Silent(), clock, 2_000)  # type: ignore[arg-type]

    def tick(self, price: float, after_ms: int = 250) -> None:
        self.now_ms += after_ms
        accepted = self._feed.offer(0, self._feeder.frame(self.now_ms, price), self.now_ms, self.now_ms)
        assert not isinstance(accepted, Refusal)
        self._ticks.append(accepted)

    def command(self) -> list[Arrival]:
        record = Record("orders", 0, 1, self.now_ms, b"key", create("a", f"REQID{1:064X}"))
        return [read_arrival(record, "main", "topic-id")]

    def entry_prices(self) -> list[float]:
        events = map(json.loads, self.writes.values)
        return [event["TraderOrder"][0]["entryprice"] for event in events if "TraderOrder" in event]


def test_a_command_does_not_trade_at_a_tick_that_was_accepted_while_the_queues_were_read() -> None:
    scene = Scene()
    scene.tick(65_000)
    scene.loop.turn()

    def slow_read() -> list[Arrival]:
        scene.tick(65_100, after_ms=50)
        scene.now_ms += 100  # the broker takes the command after that tick
        return scene.command()

    scene.queues.reads.append(slow_read)
    scene.loop.turn()
    scene.loop.turn()
    assert scene.entry_prices() == []
    scene.tick(65_200)
    scene.loop.turn()
    assert scene.entry_prices() == [65_200]


def test_a_slow_read_does_not_make_the_feed_silent() -> None:
    scene = Scene()
    scene.tick(65_000)
    scene.queues.reads.append(scene.command)
    scene.loop.turn()

    def stalled_read() -> list[Arrival]:
        for _ in range(6):
            scene.tick(65_100)
        return []

    scene.queues.reads.append(stalled_read)
    scene.loop.turn()
    assert scene.entry_prices() == [65_100]
