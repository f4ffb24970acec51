"""One hour of funding over columns: what it leaves of every position, and its events when somebody reads them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from twilight.domain import ledger
from twilight.domain.commands import Meta
from twilight.domain.context import Case
from twilight.domain.events import Event, TraderOrderFundingUpdate
from twilight.domain.ledger import Bools, Floats, Ints, Ledger
from twilight.domain.orders import Side, TraderOrder
from twilight.domain.pool import FundingOrderEventUpdate
from twilight.domain.profile import LiquidationBasis
from twilight.domain.state import State
from twilight.domain.ticks import pool_room

PERCENT = 100
SPAN = 8192
"""Rows that are computed together: small enough for the cache."""
NO_SEQUENCE = 2**62


@dataclass(slots=True)
class Charge:
    """One hour of a side, by row: what is left, what must be left, where it is liquidated, and who is due now."""

    ledger: Ledger
    orders: list[TraderOrder | None]
    available: Floats
    maintenance: Floats
    liquidation: Floats
    keys: Ints
    due: Bools
    charged: Bools

    def order(self, row: int) -> TraderOrder:
        """Return a position's record as this hour leaves it."""
        known = self.orders[row]
        if known is None:
            raise IndexError(f"row {row} holds no position")
        order = known.copy()
        order.available_margin_sats = float(self.available[row])
        order.maintenance_margin_sats = float(self.maintenance[row])
        order.liquidation_price = float(self.liquidation[row])
        return order


@dataclass(frozen=True, slots=True)
class Terms:
    """What one hour charges everybody by."""

    rate_pct: float
    price: float
    fee_market_pct: float
    fee_limit_pct: float
    mm_ratio: float
    first_pays_only: bool
    initial_basis: bool


def terms_of(case: Case, rate: float) -> Terms:
    """Return the terms of an hour."""
    fees, profile = case.state.fees, case.context.profile
    return Terms(
        rate,
        case.price,
        fees.filled_on_market,
        fees.filled_on_limit,
        case.state.params.mm_ratio,
        profile.first_funding_pays_only,
        profile.liquidation_basis is LiquidationBasis.INITIAL,
    )


def charge(book: Ledger, terms: Terms) -> Charge:
    """Return what one hour makes of a side: pay or receive, then K with the fresh rate, then A <= K (R25).

    The same operations in the same order as in `formulas`, element by element, a span at a time that stays in cache.
    """
    count = len(book.uuids)
    available, maintenance, liquidation = np.empty((3, count))
    keys = np.empty(count, dtype=np.int64)
    for start in range(0, count, SPAN):
        span = slice(start, min(start + SPAN, count))
        available[span] = _available(book, span, terms)
        maintenance[span] = _maintenance(book, span, terms)
        liquidation[span] = _liquidation_prices(book, span, terms, available[span], maintenance[span])
        keys[span] = book.keys(liquidation[span])
    due = book.live() & (available <= maintenance)
    charged = book.live() & ~due
    return Charge(book, book.orders.copy(), available, maintenance, liquidation, keys, due, charged)


def _available(book: Ledger, span: slice, terms: Terms) -> Floats:
    figures = book.figures()
    pay = terms.rate_pct * figures[ledger.SIZE, span] / (terms.price * PERCENT)
    change = -pay if book.side is Side.LONG else pay
    if terms.first_pays_only:
        change[(change > 0) & ~book.funded()[span]] = 0.0
    return np.maximum(figures[ledger.AVAILABLE, span] + change, 0.0)


def _maintenance(book: Ledger, span: slice, terms: Terms) -> Floats:
    figures = book.figures()
    worth = figures[ledger.WORTH, span]
    fee = np.where(book.market()[span], terms.fee_market_pct, terms.fee_limit_pct)
    return (terms.mm_ratio * figures[ledger.VALUE, span] + fee * worth + terms.rate_pct * worth) / PERCENT


def _liquidation_prices(book: Ledger, span: slice, terms: Terms, available: Floats, maintenance: Floats) -> Floats:
    figures = book.figures()
    entry, size = figures[ledger.ENTRY, span], figures[ledger.SIZE, span]
    margin = figures[ledger.MARGIN, span] if terms.initial_basis else available
    deficit = entry * (maintenance - margin)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        price = entry * size / ((-deficit if book.side is Side.LONG else deficit) + size)
        price[~((price > 0) & np.isfinite(price))] = 0.0
    return price


class Hour:
    """One hour's charge of everybody, frozen: the exchange goes on to other inputs before its events are read."""

    def __init__(self, case: Case, terms: Terms, meta: Meta) -> None:
        triggers = case.state.triggers
        books = (triggers.liquidate_long, triggers.liquidate_short)
        self.charges = [charge(book, terms) for book in books]
        self.terms, self.meta, self.metadata = terms, meta, case.metadata
        self.now_iso = case.conditions.now_iso
        self._sequences = [book.sequences().copy() for book in books]
        self._leave_out(case, books)
        self._charged = [one.charged for one in self.charges]
        self._sorted: tuple[Ints, Ints, Ints] | None = None

    def _leave_out(self, case: Case, books: tuple[Ledger, Ledger]) -> None:
        """Pass by what is in flight; with a chain that answers later, end one position at most (C11)."""
        for uuid in case.state.intents:
            for book, one in zip(books, self.charges, strict=True):
                if uuid in book.rows:
                    one.due[book.rows[uuid]] = one.charged[book.rows[uuid]] = False
        room = pool_room(case)
        for _, side, row in self.due()[room:] if room is not None else ():
            self.charges[side].due[row] = False
            self.charges[side].charged[row] = True

    def due(self) -> list[tuple[int, int, int]]:
        """Return sequence, side and row of each position that the hour has used up, by sequence."""
        return sorted(
            (int(self._sequences[side][row]), side, row)
            for side, one in enumerate(self.charges)
            for row in np.flatnonzero(one.due).tolist()
        )

    def by_sequence(self) -> tuple[Ints, Ints, Ints]:
        """Return sequence, side and row of every charged position, by sequence; sorted when first asked for."""
        if self._sorted is None:
            rows = [np.flatnonzero(charged) for charged in self._charged]
            sequences = np.concatenate([known[own] for known, own in zip(self._sequences, rows, strict=True)])
            sides = np.repeat(np.arange(len(rows)), [len(own) for own in rows])
            order = np.argsort(sequences, kind="stable")
            self._sorted = (sequences[order], sides[order], np.concatenate(rows)[order])
        return self._sorted

    def apply(self, state: State) -> None:
        """Charge everybody but those who are due."""
        state.exposure.accrued_sats = 0
        for one in self.charges:
            book = state.ledger(one.ledger.side)
            left_out = ~one.charged & book.live()
            held = [state.position(book.uuids[row]) for row in np.flatnonzero(left_out).tolist()]
            state.exposure.accrued_sats += book.charge(
                one.available, one.maintenance, one.liquidation, one.keys, left_out
            )
            for position in held:
                if position is not None:
                    position.version = book.version
        state.charged_fees_pct = (self.terms.fee_market_pct, self.terms.fee_limit_pct)
        state.charged_rate_pct = self.terms.rate_pct

    def event(self, side: int, row: int) -> TraderOrderFundingUpdate:
        """Return the event of one charged position."""
        order = self.charges[side].order(row)
        stamped = order.copy()
        stamped.timestamp = self.now_iso
        command = FundingOrderEventUpdate(order, self.meta)
        return TraderOrderFundingUpdate(stamped, command, f"update_order_funding-{order.uuid}", self.metadata)


class Charged(Sequence[Event]):
    """The events of the positions that an hour charged, from one sequence to the next that was due.

    `apply` does to a state what evolving each event does; the first stretch applies the whole hour.
    """

    def __init__(self, hour: Hour, above: int, below: int, *, first: bool) -> None:
        self._hour = hour
        self._above, self._below = above, below
        self._first = first

    def apply(self, state: State) -> None:
        """Charge everybody at once, if this is the hour's first stretch."""
        if self._first:
            self._hour.apply(state)

    def _bounds(self) -> tuple[int, int]:
        sequences = self._hour.by_sequence()[0]
        start, stop = np.searchsorted(sequences, [self._above, self._below], side="right").tolist()
        return start, stop

    def __len__(self) -> int:
        start, stop = self._bounds()
        return stop - start

    def __iter__(self) -> Iterator[Event]:
        return self._made(*self._bounds())

    def _made(self, start: int, stop: int) -> Iterator[Event]:
        _, sides, rows = self._hour.by_sequence()
        for side, row in zip(sides[start:stop].tolist(), rows[start:stop].tolist(), strict=True):
            yield self._hour.event(side, row)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        """Return one event, or those of a slice: a publisher takes an hour in pieces."""
        start, stop = self._bounds()
        if isinstance(index, slice):
            first, last, _ = index.indices(stop - start)
            return list(self._made(start + first, start + max(first, last)))
        _, sides, rows = self._hour.by_sequence()
        at = range(start, stop)[index]
        return self._hour.event(int(sides[at]), int(rows[at]))
