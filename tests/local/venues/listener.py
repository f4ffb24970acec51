"""A feeder without sockets or clock: takes the floor's frames through the feeder's adapters to the index."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from twilight.domain.index.model import START, ConversionQuote, Inputs, Outcome, Quote
from twilight.domain.index.params import IndexConfig, IndexParams, SourceParams, resolve
from twilight.domain.index.step import step
from twilight.feeder.venues import VENUES as ADAPTERS
from twilight.feeder.venues.shape import Control, ControlKind, TopOfBook
from twilight.local.venues.floor import Floor
from twilight.local.venues.model import Link
from twilight.local.venues.registry import VENUES

STALE_MS = 15_000


def config() -> IndexConfig:
    """The eight venues with the default parameters."""
    sources = (SourceParams(v.name, v.quote, quote_stale_ms=v.quote_stale_ms) for v in ADAPTERS.values())
    return resolve(IndexParams(), sources)


def connect(name: str) -> tuple[Link, list[str]]:
    """One link of a venue as the feeder opens it, and all that the venue answered."""
    venue, adapter = VENUES[name], ADAPTERS[name]
    link = Link(venue.path)
    answers = venue.greet(link)
    symbols = [adapter.symbol, *adapter.conversion.values()]
    for message in adapter.subscribe(f"ws://127.0.0.1:1{venue.path}", symbols):
        answers += venue.receive(link, message)
    return link, answers


@dataclass
class Source:
    """One venue as the listener sees it: its link, its decoder, its newest books and their times."""

    name: str
    up: bool = True
    bad_frames: int = 0
    frame_ms: int = -1
    books: dict[str, tuple[TopOfBook, int, int]] = field(default_factory=dict)
    base: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        adapter = ADAPTERS[self.name]
        self.decode = adapter.decoder([adapter.symbol, *adapter.conversion.values()])
        self.link, answers = connect(self.name)
        for answer in answers:
            self.decode(answer)

    def take(self, text: str, now_us: int, wall_us: int) -> None:
        self.frame_ms = now_us // 1_000
        for signal in self.decode(VENUES[self.name].wrap(self.link, text)):
            if isinstance(signal, Control):
                self.bad_frames += signal.kind is ControlKind.BAD
            else:
                self.books[signal.symbol] = (signal, now_us // 1_000, self._lag_ms(signal, wall_us))

    def quote(self, symbol: str, currency: str, now_ms: int) -> Quote | None:
        if not self.up or symbol not in self.books:
            return None
        book, seen_ms, lag_ms = self.books[symbol]
        return Quote(currency, book.bid, book.ask, now_ms - seen_ms + lag_ms, now_ms - self.frame_ms)

    def _lag_ms(self, book: TopOfBook, wall_us: int) -> int:
        if book.exchange_us is None:
            return 0
        late = (wall_us - book.exchange_us) // 1_000
        self.base[book.symbol] = min(late, self.base.get(book.symbol, late))
        return late - self.base[book.symbol]


class Listener:
    """Listens to all eight venues of a floor and steps the index every 250 ms of the market's time."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.sources = {name: Source(name) for name in VENUES}
        self.state = START
        self.now_ms = 0
        self.outcome: Outcome | None = None

    def run(self, until_s: float) -> Outcome:
        """Step to ``until_s`` of the market's time and return the last outcome."""
        while self.now_ms + 250 <= until_s * 1_000:
            self.now_ms += 250
            self._hear()
            self.outcome = step(config(), self.state, Inputs(self.now_ms, self._quotes(), self._conversion()))
            self.state = self.outcome.state
        assert self.outcome is not None
        return self.outcome

    def _hear(self) -> None:
        now_us = self.now_ms * 1_000
        for frame in self.floor.advance(now_us):
            source = self.sources[frame.venue]
            if source.up:
                source.take(frame.text, frame.due_us, self.floor.wall_us + frame.due_us)
        for name, source in self.sources.items():
            if self.floor.refuses(name, now_us):
                self.sources[name] = Source(name, up=False)
            elif not source.up:
                self.sources[name] = Source(name)

    def _quotes(self) -> dict[str, Quote | None]:
        return {
            name: source.quote(ADAPTERS[name].symbol, ADAPTERS[name].quote, self.now_ms)
            for name, source in self.sources.items()
        }

    def _conversion(self) -> dict[str, list[ConversionQuote]]:
        return {"USDT": list(self._usdt())}

    def _usdt(self) -> Iterable[ConversionQuote]:
        for name in ("kraken", "coinbase", "bitstamp"):
            quote = self.sources[name].quote(ADAPTERS[name].conversion["USDT"], "USD", self.now_ms)
            if quote is not None:
                yield ConversionQuote(name, quote.bid, quote.ask, quote.quote_age_ms)


def dollars(outcome: Outcome) -> float:
    assert outcome.price is not None
    return outcome.price / 1e8


def states(outcome: Outcome, *names: str) -> set[str]:
    return {str(outcome.sources[name].state) for name in names}
