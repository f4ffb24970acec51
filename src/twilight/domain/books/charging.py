"""One hour of funding: what it makes of one position, and of a whole side at once over its columns.

The columns are changed by the same operations in the same order as in `formulas`, element by element, so both ways
give the same digits (2.17). They go a span at a time, in place: a million positions are charged without a temporary
column that would leave the cache.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import numpy as np

from twilight.domain.books import ledger
from twilight.domain.books.columns import Bools, Floats
from twilight.domain.books.ledger import Ledger
from twilight.domain.books.state import State
from twilight.domain.books.turns import by_sequence
from twilight.domain.model import formulas
from twilight.domain.model.commands import Meta
from twilight.domain.model.events import Metadata
from twilight.domain.model.orders import OrderType, Side, TraderOrder

PERCENT = 100


@dataclass(frozen=True, slots=True)
class Terms:
    """What one hour charges everybody by."""

    rate_pct: float
    price: float
    fee_market_pct: float
    fee_limit_pct: float
    mm_ratio: float
    first_pays_only: bool
    """A position does not receive at its first funding (R21)."""
    initial_basis: bool
    """The liquidation price is computed from the initial margin (W-12)."""

    def receives(self, side: Side) -> bool:
        """Return whether this side is paid."""
        return self.rate_pct < 0 if side is Side.LONG else self.rate_pct > 0


CHARGES_ALL_BUT = "charges_all_but"
"""The metadata member by which a record charges everybody: whom it leaves out, by entry sequence."""


def opening_metadata(terms: Terms, left_out: Collection[int], index: int) -> Metadata:
    """Return what the record that opens an hour carries beyond what every record of it does."""
    return {
        "funding_index": str(index),
        "first_funding_pays_only": str(terms.first_pays_only),
        "liquidation_from_initial_margin": str(terms.initial_basis),
        CHARGES_ALL_BUT: " ".join(map(str, left_out)),
    }


def terms_told(meta: Meta, metadata: Metadata, mm_ratio: float) -> Terms:
    """Return the terms that the record which opens an hour tells of; the ratio is the state's."""
    rate, price, market, limit = (
        float(meta[name] or 0) for name in ("FundingRate", "CurrentPrice", "FilledOnMarket", "FilledOnLimit")
    )
    flags = (metadata[name] == str(True) for name in ("first_funding_pays_only", "liquidation_from_initial_margin"))
    return Terms(rate, price, market, limit, mm_ratio, *flags)


# --- one position ----------------------------------------------------------------------------------------------------


def charged(order: TraderOrder, terms: Terms, *, funded: bool) -> TraderOrder:
    """Return a position's record as the hour leaves it: pay or receive, then K with the fresh rate, then Q (R25)."""
    pay = formulas.funding_payment(terms.rate_pct, order.position_size, terms.price)
    if terms.first_pays_only and not funded and terms.receives(order.side):
        pay = 0.0
    left = order.available_margin_sats + (-pay if order.side is Side.LONG else pay)
    fresh = order.copy()
    fresh.available_margin_sats = max(left, 0.0)
    fresh.maintenance_margin_sats = formulas.maintenance_margin(
        formulas.entry_value(order.initial_margin_sats, order.leverage),
        order.bankruptcy_value_sats,
        terms.fee_market_pct if order.order_type is OrderType.MARKET else terms.fee_limit_pct,
        terms.rate_pct,
        terms.mm_ratio,
    )
    fresh.liquidation_price = formulas.liquidation_price(
        order.entry_price,
        order.position_size,
        fresh.maintenance_margin_sats,
        order.initial_margin_sats if terms.initial_basis else fresh.available_margin_sats,
        order.side,
    )
    return fresh


def is_used_up(order: TraderOrder) -> bool:
    """Return whether a position that was just charged can bear no more: A <= K (3.8)."""
    return order.available_margin_sats <= order.maintenance_margin_sats


# --- a side at once --------------------------------------------------------------------------------------------------


def charge_everybody(state: State, terms: Terms, left_out: Collection[int]) -> None:
    """Charge every open position but those of these entry sequences; their records are awaited from now on."""
    state.exposure.accrued_sats = 0
    for side in Side:
        book = state.ledger(side)
        kept = book.rows_of(left_out)
        held = [state.known(book.uuids[row]) for row in kept.tolist()]
        for position in held:
            state.position(position.order.uuid)
        charge_span = partial(_charge_span, book, terms)
        state.exposure.accrued_sats += book.charge(charge_span, kept, state.trader_sequence)
        for position in held:
            position.version = book.version
    state.charged_fees_pct = (terms.fee_market_pct, terms.fee_limit_pct)
    state.charged_rate_pct = terms.rate_pct


def _charge_span(book: Ledger, terms: Terms, span: slice, room: Floats) -> None:
    """Write what the hour makes of some rows: A, K and Q."""
    figures = book.figures()[:, span]
    _available_margins(book, figures, book.funded()[span], terms, room[0])
    _maintenance_margins(figures, book.market()[span], terms, room)
    _liquidation_prices(book.side, figures, terms, room)


def _available_margins(book: Ledger, figures: Floats, funded: Bools, terms: Terms, scratch: Floats) -> None:
    """Write A."""
    pay = np.multiply(figures[ledger.SIZE], terms.rate_pct, out=scratch)
    pay /= terms.price * PERCENT
    if terms.first_pays_only and terms.receives(book.side) and not funded.all():
        np.copyto(pay, 0.0, where=~funded)
    available = figures[ledger.AVAILABLE]
    change = np.subtract if book.side is Side.LONG else np.add
    change(available, pay, out=available)
    if available.min() < 0:
        np.maximum(available, 0.0, out=available)


def _maintenance_margins(figures: Floats, market: Bools, terms: Terms, room: Floats) -> None:
    """Write K."""
    worth = figures[ledger.WORTH]
    total = np.multiply(figures[ledger.VALUE], terms.mm_ratio, out=room[0])
    total += np.multiply(worth, _fees(market, terms, room[1]), out=room[1])
    total += np.multiply(worth, terms.rate_pct, out=room[1])
    np.divide(total, PERCENT, out=figures[ledger.MAINTENANCE])


def _fees(market: Bools, terms: Terms, room: Floats) -> Floats | float:
    """Return the fee of each row; one number where all are alike."""
    if market.all():
        return terms.fee_market_pct
    by_kind = np.array([terms.fee_limit_pct, terms.fee_market_pct])
    return np.take(by_kind, market.view(np.uint8), out=room, mode="clip")  # in place; `where` takes five times as long


def _liquidation_prices(side: Side, figures: Floats, terms: Terms, room: Floats) -> None:
    """Write Q, or what is no price where there is none."""
    entry, size = figures[ledger.ENTRY], figures[ledger.SIZE]
    margin = figures[ledger.MARGIN if terms.initial_basis else ledger.AVAILABLE]
    deficit = np.subtract(figures[ledger.MAINTENANCE], margin, out=room[0])
    deficit *= entry
    divisor = (np.subtract if side is Side.LONG else np.add)(size, deficit, out=room[1])
    np.divide(np.multiply(entry, size, out=room[0]), divisor, out=figures[ledger.LIQUIDATION])


def used_up(state: State) -> list[str]:
    """Return the positions that the hour which has just opened has used up, by entry sequence: A <= K (3.8)."""
    books = state.books
    which, found = by_sequence(books, [np.flatnonzero(book.awaited() & book.used_up()) for book in books])
    return [books[book].uuids[row] for book, row in zip(which.tolist(), found.tolist(), strict=True)]
