import os
from pathlib import Path

import pytest
from tests.domain.index.market import BASE_CENTS, RATES_E8
from tests.feeder.times import HandClock

from twilight.domain.index.params import IndexConfig, IndexParams, SourceParams, resolve
from twilight.feeder.keys import SigningKey, load_or_make
from twilight.feeder.quotes import VenueBook
from twilight.feeder.runner import Published, TickMaker
from twilight.feeder.venues import VENUES, TopOfBook


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:

    for name in list(os.environ):
        if name.startswith("FEEDER_") or name in {"BROKER", "OPS_ADDR", "PRICE_FEED_TOPIC"}:
            monkeypatch.delenv(name)


class Desk:
    """A tick maker over eight books in the base state, with a clock in the test's hand."""

    def __init__(self, key: SigningKey) -> None:
        self.clock = HandClock()
        self.key = key
        self.config: IndexConfig = resolve(IndexParams(), [SourceParams(name) for name in VENUES])
        self.books = {v.name: VenueBook(v.quote, v.symbol, v.conversion) for v in VENUES.values()}
        for book in self.books.values():
            book.connected(0)
        self.maker = TickMaker(self.config, self.books, key, self.clock.wall_start_ms)

    def quote_all(self, bps: int = 0) -> None:
        for name in BASE_CENTS:
            self.quote(name, bps)
        for name, (bid, ask) in RATES_E8.items():
            self._offer(name, TopOfBook(VENUES[name].conversion["USDT"], bid, ask))

    def quote(self, name: str, bps: int = 0) -> None:
        _, bid, ask = BASE_CENTS[name]
        scale = 100 * (10_000 + bps)
        self._offer(name, TopOfBook(VENUES[name].symbol, bid * scale, ask * scale))

    def _offer(self, name: str, quote: TopOfBook) -> None:
        now_ms = self.clock.now_ms()
        self.books[name].heard(now_ms)
        self.books[name].offer([quote], now_ms, self.clock.wall_at(now_ms))

    def tick(self, bps: int = 0) -> Published:
        """Quote everywhere, let 250 ms pass, tick."""
        self.quote_all(bps)
        self.clock.ms += 250
        return self.maker.make(self.clock.ms, self.clock.ms, self.clock.wall_at(self.clock.ms))


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return load_or_make(tmp_path / "key.json", 1_723_161_254_000)


@pytest.fixture
def desk(key: SigningKey) -> Desk:
    return Desk(key)
