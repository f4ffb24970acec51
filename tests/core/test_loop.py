"""In which order the loop takes what waits (decisions R5)."""

import json
from collections import deque
from collections.abc import Callable, Iterable

from tests.core.direct_publisher import DirectPublisher
from tests.core.feeders import SignedFeeder
from tests.core.traffic import create
from tests.domain.exchange import slices_of

from twilight.bus import Outgoing, Record
from twilight.core.clock import Clock
from twilight.core.cycle import Cycle
from twilight.core.exchange import Exchange, Topics
from twilight.core.ids import Uuids
from twilight.core.inputs.arrivals import Arrival, read_arrival
from twilight.core.inputs.feed import AcceptedTick, Feed, Refusal
from twilight.core.loop import Inbox, Loop
from twilight.core.publisher import Publication, write_down
from twilight.domain.engine import new_engine
from twilight.domain.model.inputs import Conditions, FeedStatus, Genesis

STARTED_MS = 1_775_808_000_000


class Writes:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.transactions: list[list[str]] = []
        """The kinds of what each held."""

    def init(self, timeout_s: float | None = None) -> None: ...

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        values = [value for _, _, value in records]
        self.values += values
        self.transactions.append([next(iter(json.loads(value))) for value in values])
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


class HeldPublisher(DirectPublisher):
    """Writes nothing before it is told to: a log that is slow."""

    def __init__(self, writes: Writes) -> None:
        super().__init__(writes, "events", -1)
        self._writes = writes
        self._held: list[Publication] = []

    def submit(self, publication: Publication) -> None:
        self._held.append(publication)

    def write(self) -> None:
        """Write what was handed over, as one transaction."""
        held, self._held = self._held, []
        write_down(held, self._writes, "events", self.written)


class Scene:
    def __init__(self, *, slow_log: bool = False) -> None:
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
        inbox, self.slow = Inbox(self._ticks, deque()), HeldPublisher(self.writes)
        publisher = self.slow if slow_log else DirectPublisher(self.writes, "events", -1)
        self.loop = Loop(exchange, Cycle(1), self.queues, inbox, publisher, Silent(), clock, 2_000)  # type: ignore[arg-type]

    def tick(self, price: float, after_ms: int = 250) -> None:
        self.now_ms += after_ms
        accepted = self._feed.offer(0, self._feeder.frame(self.now_ms, price), self.now_ms, self.now_ms)
        assert not isinstance(accepted, Refusal)
        self._ticks.append(accepted)

    def command(self, number: int = 1) -> list[Arrival]:
        record = Record("orders", 0, number, self.now_ms, b"key", create(f"a{number}", f"REQID{number:064X}"))
        return [read_arrival(record, "main", "topic-id")]

    def opens(self, count: int) -> None:
        """Let so many people open a position, before the hour."""
        self.tick(65_000)
        self.loop.turn()
        for number in range(1, count + 1):
            self.queues.reads.append(lambda number=number: self.command(number))
            self.loop.turn()
        self.tick(65_000)
        self.loop.turn()

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


def test_ticks_and_commands_are_committed_between_the_slices_of_a_large_hour() -> None:
    scene = Scene()
    scene.opens(7)
    with slices_of(2):
        scene.tick(65_000, after_ms=3_600_000)
        scene.writes.transactions.clear()
        scene.loop.turn()
        scene.queues.reads.append(lambda: scene.command(8))
        for price in (65_001, 65_002, 65_003, 65_004):
            scene.tick(price)
            scene.loop.turn()
    record, tick, rate = "TraderOrderFundingUpdate", "CurrentPriceUpdate", "FundingRateUpdate"
    opening, second, third, *after = scene.writes.transactions
    assert opening == [tick, record, record, record]
    assert second == [tick, record, record]
    assert (third[0], third[-3:]) == (tick, [record, record, rate])
    assert "TraderOrder" in third
    assert after == [[tick], [tick]]


def test_however_slow_the_log_is_a_tick_waits_behind_two_slices_of_a_large_hour_at_most() -> None:
    scene = Scene(slow_log=True)
    scene.opens(12)
    scene.slow.write()
    with slices_of(1):
        scene.tick(65_000, after_ms=3_600_000)
        for _ in range(5):
            scene.loop.turn()
        scene.tick(65_001)
        scene.loop.turn()
        scene.writes.transactions.clear()
        scene.slow.write()
        scene.loop.turn()
        scene.slow.write()
    record, tick = "TraderOrderFundingUpdate", "CurrentPriceUpdate"
    assert scene.writes.transactions == [[tick, record, record, record, tick], [record]]


def test_an_hour_is_written_to_its_end_however_slow_the_log_is() -> None:
    scene = Scene(slow_log=True)
    scene.opens(12)
    with slices_of(1):
        scene.tick(65_000, after_ms=3_600_000)
        for _ in range(12):
            scene.loop.turn()
            scene.slow.write()
    kinds = [kind for transaction in scene.writes.transactions for kind in transaction]
    assert kinds.count("TraderOrderFundingUpdate") == 12
    assert kinds[-1] == "FundingRateUpdate"
