"""A feeder without sockets or clock: takes the floor's frames through the feeder's sessions and books to the index."""

from dataclasses import dataclass, field

from twilight.domain.index.model import START, Inputs, Outcome
from twilight.domain.index.params import IndexConfig, IndexParams, SourceParams, resolve
from twilight.domain.index.step import step
from twilight.feeder.quotes import VenueBook
from twilight.feeder.session import Session
from twilight.feeder.venues import VENUES as ADAPTERS
from twilight.feeder.venues import Venue as Adapter
from twilight.local.venues.floor import Floor
from twilight.local.venues.model import Link
from twilight.local.venues.registry import VENUES

TICK_MS = 250
LINK_STALE_MS = IndexParams().link_stale_ms


def config() -> IndexConfig:
    """The eight venues with the default parameters."""
    sources = (
        SourceParams(v.name, v.quote, quote_stale_ms=v.quote_stale_ms, link_stale_ms=v.link_stale_ms)
        for v in ADAPTERS.values()
    )
    return resolve(IndexParams(), sources)


def connect(name: str) -> tuple[Link, list[str]]:
    """One link of a venue as the feeder opens it, and all that the venue answered."""
    venue, adapter = VENUES[name], ADAPTERS[name]
    link = Link(venue.path)
    answers = venue.greet(link)
    for message in adapter.subscribe(f"ws://127.0.0.1:1{venue.path}", adapter.symbols):
        answers += venue.receive(link, message)
    return link, answers


@dataclass
class Source:
    """One venue as the feeder keeps it: its book for ever, a session for each connection."""

    name: str
    floor: Floor
    bad_frames: int = 0
    connections: int = 0
    session: Session | None = None
    link: Link = field(default_factory=Link)

    def __post_init__(self) -> None:
        self.book = VenueBook(self.adapter.quote, self.adapter.symbol, self.adapter.conversion)
        self.connect(0)

    @property
    def adapter(self) -> Adapter:
        return ADAPTERS[self.name]

    def connect(self, now_ms: int) -> None:
        """Open a link and subscribe; the venue answers, and sends what it quotes now."""
        stale_ms = self.adapter.link_stale_ms or LINK_STALE_MS
        self.session = Session(self.adapter, self.adapter.symbols, stale_ms, now_ms)
        self.connections += 1
        self.book.connected(now_ms)
        self.link, answers = connect(self.name)
        snapshots = (self.floor.snapshot(self.name, product, now_ms * 1_000) for product in sorted(self.link.products))
        for text in [*answers, *filter(None, snapshots)]:
            self.hear(text, now_ms)

    def hear(self, text: str, now_ms: int) -> None:
        if self.session is None or self.floor.is_mute(self.name, now_ms * 1_000):
            return
        wall_ms = self.floor.wall_us // 1_000 + now_ms
        quotes = self.session.received(VENUES[self.name].wrap(self.link, text), now_ms)
        self.book.heard(now_ms)
        self.book.paused = self.session.paused
        self.book.offer(quotes, now_ms, wall_ms)

    def turn(self, now_ms: int) -> None:
        """Do what the session wishes at a tick: ask for a sign of life, or end the link."""
        if self.session is None:
            return
        ping = self.session.turn(now_ms)
        if self.floor.refuses(self.name, now_ms * 1_000) or self.session.close_reason is not None:
            self.bad_frames += self.session.bad_frames
            self.session = None
            self.book.disconnected()
        elif ping is not None and ping.text is not None:
            for answer in VENUES[self.name].receive(self.link, ping.text):
                self.hear(answer, now_ms)


class Listener:
    """Listens to all eight venues of a floor and steps the index every 250 ms of the market's time.

    A link that ended is opened again a tick later: the waiting of the back-off has its own tests.
    """

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.sources = {name: Source(name, floor) for name in VENUES}
        self.state = START
        self.now_ms = 0
        self.outcome: Outcome | None = None

    def run(self, until_s: float) -> Outcome:
        """Step to ``until_s`` of the market's time and return the last outcome."""
        while self.now_ms + TICK_MS <= until_s * 1_000:
            self._reconnect()
            self.now_ms += TICK_MS
            self._hear()
            self.outcome = step(config(), self.state, self._inputs())
            self.state = self.outcome.state
        assert self.outcome is not None
        return self.outcome

    def _reconnect(self) -> None:
        for name, source in self.sources.items():
            if source.session is None and not self.floor.refuses(name, self.now_ms * 1_000):
                source.connect(self.now_ms)

    def _hear(self) -> None:
        for frame in self.floor.advance(self.now_ms * 1_000):
            self.sources[frame.venue].hear(frame.text, frame.due_us // 1_000)
        for source in self.sources.values():
            source.turn(self.now_ms)

    def _inputs(self) -> Inputs:
        quotes = {name: source.book.index_quote(self.now_ms) for name, source in self.sources.items()}
        offers = [source.book.conversion_quote(name, "USDT", self.now_ms) for name, source in self.sources.items()]
        return Inputs(self.now_ms, quotes, {"USDT": [offer for offer in offers if offer is not None]})


def dollars(outcome: Outcome) -> float:
    assert outcome.price is not None
    return outcome.price / 1e8


def states(outcome: Outcome, *names: str) -> set[str]:
    return {str(outcome.sources[name].state) for name in names}
