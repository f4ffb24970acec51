"""Sources of quotes: a seeded random walk, and a market that stands still."""

import heapq
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from twilight.local.venues.model import BTC, E8, USDT

SECOND_US: Final = 1_000_000
YEAR_S: Final = 31_557_600
START_PRICE_E8: Final = 61_822 * E8
USDT_RATE_E8: Final = 99_973_000


@dataclass(frozen=True, slots=True)
class Tick:
    """A venue's new best bid and ask, before it becomes a frame.

    ``shape`` names how a fault bends the book (see ``faults.SHAPES``), and
    ``clock_us`` how far the venue's clock is off.
    """

    t_us: int
    venue: str
    product: str
    bid_e8: int
    ask_e8: int
    bid_size_e8: int = E8
    ask_size_e8: int = E8
    shape: str = ""
    clock_us: int = 0


@dataclass(frozen=True, slots=True)
class Stall:
    """Where one product is quoted on one venue, how often and how closely."""

    venue: str
    product: str
    per_s: float
    tick_e8: int
    spread_ticks: int
    in_usdt: bool = False


STALLS: Final = (
    Stall("coinbase", BTC, 5.0, E8 // 100, 20),
    Stall("kraken", BTC, 4.0, E8 // 10, 1),
    Stall("bitstamp", BTC, 3.0, E8, 2),
    Stall("gemini", BTC, 3.0, E8 // 100, 400),
    Stall("bitfinex", BTC, 1.5, E8, 4),
    Stall("binance", BTC, 8.0, E8 // 100, 1, in_usdt=True),
    Stall("okx", BTC, 5.0, E8 // 10, 1, in_usdt=True),
    Stall("bybit", BTC, 4.0, E8 // 100, 30, in_usdt=True),
    Stall("coinbase", USDT, 0.5, E8 // 100_000, 2),
    Stall("kraken", USDT, 0.5, E8 // 100_000, 1),
    Stall("bitstamp", USDT, 0.5, E8 // 100_000, 6),
)


class Walk:
    """An endless market: one price that walks, eight venues that quote around it.

    The same seed gives the same ticks at the same times. The price is a
    geometric random walk; each venue leans from it by a fraction of a basis
    point that drifts back to zero, and the USDT rate wanders around 0.99973.
    """

    def __init__(
        self, seed: int, *, price_e8: int = START_PRICE_E8, volatility: float = 0.8, lean_bps: float = 0.5
    ) -> None:
        """Start at ``price_e8``; ``volatility`` is that of a year (0.8 = 80 %)."""
        self._rng = random.Random(seed)  # noqa: S311 - a market for play, not a secret
        self._price = price_e8 / E8
        self._rate = USDT_RATE_E8 / E8
        self._sigma = volatility / math.sqrt(YEAR_S)
        self._lean_bps = lean_bps
        self._leans = dict.fromkeys(STALLS, 0.0)
        self._now_us = 0

    @property
    def price_e8(self) -> int:
        """Return the price (1e-8 USD) that the venues now quote around."""
        return round(self._price * E8)

    def __iter__(self) -> Iterator[Tick]:
        """Yield ticks in the order of time, for ever."""
        due = [(self._pause_us(stall), number, stall) for number, stall in enumerate(STALLS)]
        heapq.heapify(due)
        while True:
            t_us, number, stall = due[0]
            self._move_to(t_us)
            yield self._tick(t_us, stall)
            heapq.heapreplace(due, (t_us + self._pause_us(stall), number, stall))

    def _pause_us(self, stall: Stall) -> int:
        pause_s = min(self._rng.expovariate(stall.per_s), 3.0 / stall.per_s)
        return max(1, round(pause_s * SECOND_US))

    def _move_to(self, t_us: int) -> None:
        elapsed_s = (t_us - self._now_us) / SECOND_US
        self._now_us = t_us
        self._price *= math.exp(self._rng.gauss(0.0, self._sigma * math.sqrt(elapsed_s)))
        pull = (0.99973 - self._rate) * min(1.0, elapsed_s / 600.0)
        self._rate += pull + self._rng.gauss(0.0, 2e-6 * math.sqrt(elapsed_s))

    def _tick(self, t_us: int, stall: Stall) -> Tick:
        lean = self._leans[stall] * 0.9 + self._rng.gauss(0.0, self._lean_bps * 0.4)
        self._leans[stall] = lean
        fair = self._fair(stall) * (1.0 + lean / 10_000)
        low = math.floor(fair * E8 / stall.tick_e8 - stall.spread_ticks / 2)
        bid_e8 = low * stall.tick_e8
        ask_e8 = bid_e8 + stall.spread_ticks * stall.tick_e8
        return Tick(t_us, stall.venue, stall.product, bid_e8, ask_e8, self._size(), self._size())

    def _fair(self, stall: Stall) -> float:
        if stall.product == USDT:
            return self._rate
        return self._price / self._rate if stall.in_usdt else self._price

    def _size(self) -> int:
        return max(1, round(self._rng.expovariate(1.0) * E8))


class Still:
    """A market in which every venue repeats the same quote: the ground that scenarios change."""

    def __init__(self, quotes: Mapping[tuple[str, str], tuple[int, int]], *, every_us: int = 250_000) -> None:
        """Quote ``{(venue, product): (bid_e8, ask_e8)}`` every ``every_us``."""
        self._quotes = dict(quotes)
        self._every_us = every_us

    def __iter__(self) -> Iterator[Tick]:
        """Yield all quotes of one moment, then those of the next, for ever."""
        t_us = 0
        while True:
            for (venue, product), (bid_e8, ask_e8) in self._quotes.items():
                yield Tick(t_us, venue, product, bid_e8, ask_e8)
            t_us += self._every_us
