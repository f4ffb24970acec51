"""From books to one numbered, signed tick: what the feeder does at every turn of its timer. No I/O.

Price feed specification 5 to 9.
"""

from collections.abc import Mapping
from typing import NamedTuple

from twilight.domain.index.model import START, ConversionQuote, IndexState, Inputs, Outcome, Quote
from twilight.domain.index.params import USD, IndexConfig
from twilight.domain.index.step import step
from twilight.domain.index.tick import PriceTick, sign
from twilight.feeder.keys import SigningKey
from twilight.feeder.quotes import VenueBook


class Published(NamedTuple):
    """One published tick and everything that it was made from."""

    tick: PriceTick
    before: IndexState
    inputs: Inputs
    outcome: Outcome


class TickMaker:
    """Steps the index over the venues' books, and numbers and signs what comes out."""

    def __init__(self, config: IndexConfig, books: Mapping[str, VenueBook], key: SigningKey, epoch: int) -> None:
        self.config = config
        self.key = key
        self.newest: Published | None = None
        self._books = dict(sorted(books.items()))
        self._currencies = sorted({currency for book in self._books.values() for currency in book.conversion} - {USD})
        self._state = START
        self._epoch = epoch
        self._resume = False

    def resume(self) -> None:
        """Let the next tick end HALTED early, as far as the index is fully backed (specification 8.5)."""
        self._resume = True

    def make(self, t_ms: int, now_ms: int, wall_ms: int) -> Published:
        """Return the next tick: ``t_ms`` on the timer's grid, ages at ``now_ms``, labelled ``wall_ms``."""
        inputs = Inputs(t_ms, self._quotes(now_ms), self._conversion(now_ms), self._resume)
        before = self._state
        outcome = step(self.config, before, inputs)
        tick = sign(tick_of(outcome, self._epoch, self._next_seq(), wall_ms), self.key.kid, self.key.sign)
        self._state, self._resume = outcome.state, False
        self.newest = Published(tick, before, inputs, outcome)
        return self.newest

    def _next_seq(self) -> int:
        return 1 if self.newest is None else self.newest.tick.seq + 1

    def _quotes(self, now_ms: int) -> dict[str, Quote | None]:
        return {name: book.index_quote(now_ms) for name, book in self._books.items()}

    def _conversion(self, now_ms: int) -> dict[str, list[ConversionQuote]]:
        return {
            currency: [
                quote
                for name, book in self._books.items()
                if (quote := book.conversion_quote(name, currency, now_ms)) is not None
            ]
            for currency in self._currencies
        }


def tick_of(outcome: Outcome, epoch: int, seq: int, wall_ms: int) -> PriceTick:
    """Return an outcome as an unsigned tick."""
    return PriceTick(
        epoch=epoch,
        seq=seq,
        ts_ms=wall_ms,
        price_e8=outcome.price or 0,
        status=outcome.status,
        n=outcome.n,
        n_usd=outcome.n_usd,
        dispersion_cbps=outcome.dispersion_cbps,
        flags=outcome.flags,
        raw_e8=outcome.raw or 0,
        kid="",
        sig="",
    )
