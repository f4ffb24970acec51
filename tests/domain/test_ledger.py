"""A side's positions as columns: whom a price reaches, in which order, before and after an hour of funding (R25)."""

import numpy as np
import pytest
from tests.domain.exchange import LONG, Exchange

from twilight.domain.books import ledger
from twilight.domain.books.columns import Floats
from twilight.domain.books.ledger import Ledger
from twilight.domain.model.numbers import score
from twilight.domain.model.orders import TraderOrder

PRICE = 60_000.0
NEWEST = 5


@pytest.fixture
def orders() -> dict[str, TraderOrder]:
    """Return five positions, whose entry sequences are those of their names."""
    exchange = Exchange()
    for name in "abcde":
        exchange.open(name, margin=100_000 + ord(name))
    return {name: exchange.order(name) for name in "abcde"}


def book_of(orders: dict[str, TraderOrder], names: str) -> Ledger:
    """Return a book into which these came in this order, all at one liquidation price."""
    book = Ledger(LONG)
    for name in names:
        book.add(orders[name])
        book.put(orders[name].uuid, score(PRICE))
    return book


def charge(book: Ledger, orders: dict[str, TraderOrder], all_but: str = "", price: float = PRICE) -> int:
    """Take half a sat of everybody but these and put all others under the price."""

    def charge_span(span: slice, _room: Floats) -> None:
        figures = book.figures()[:, span]
        figures[ledger.AVAILABLE] -= 0.5
        figures[ledger.LIQUIDATION] = price

    return book.charge(charge_span, book.rows_of([orders[name].entry_sequence for name in all_but]), NEWEST)


def order_in(book: Ledger, orders: dict[str, TraderOrder]) -> str:
    names = {order.uuid: name for name, order in orders.items()}
    return "".join(names[uuid] for uuid, _ in book)


def test_a_charge_puts_all_last_among_equals_by_entry_sequence_behind_those_left_out(
    orders: dict[str, TraderOrder],
) -> None:
    book = book_of(orders, "dcba")
    assert order_in(book, orders) == "dcba"
    charge(book, orders, all_but="cd")
    assert order_in(book, orders) == "dcab"
    book.add(orders["e"])
    book.put(orders["e"].uuid, score(PRICE))
    assert order_in(book, orders) == "dcabe"
    charge(book, orders, all_but="e")
    assert order_in(book, orders) == "eabcd"
    book.put(orders["a"].uuid, score(PRICE))
    assert order_in(book, orders) == "ebcda"
    charge(book, orders, all_but="ce")
    assert order_in(book, orders) == "ecabd"


def test_who_is_left_out_keeps_his_figures_and_is_found_at_his_own_price(orders: dict[str, TraderOrder]) -> None:
    book = book_of(orders, "abcde")
    accrued_sats = charge(book, orders, all_but="b", price=50_000.0)
    kept = orders["b"].uuid
    assert book.refresh(orders["b"]) == orders["b"]
    assert (book.is_funded(kept), book.awaits_record(kept)) == (False, False)
    assert book.at_or_above(score(PRICE)) == [kept]
    assert book.at_or_above(score(50_000.0)) == [orders[name].uuid for name in "acde"] + [kept]
    assert accrued_sats == sum(book.accrued_sats(order) for order in orders.values())


def test_a_price_that_is_none_is_in_no_set_and_lets_the_others_keep_theirs(orders: dict[str, TraderOrder]) -> None:
    book = book_of(orders, "abcde")
    prices = [np.nan, 60_000.0, -1.0, np.inf, 9e14]

    def charge_span(span: slice, _room: Floats) -> None:
        book.figures()[ledger.LIQUIDATION, span] = prices

    book.charge(charge_span, book.rows_of([]), NEWEST)
    assert list(book) == [(orders["b"].uuid, score(60_000.0)), (orders["e"].uuid, score(9e14))]
    assert [book.refresh(order).liquidation_price for order in orders.values()] == [0.0, 60_000.0, 0.0, 0.0, 9e14]


def test_who_has_just_what_he_must_keep_is_used_up(orders: dict[str, TraderOrder]) -> None:  # engine 3.8
    book = book_of(orders, "abc")

    def charge_span(span: slice, _room: Floats) -> None:
        figures = book.figures()[:, span]
        figures[ledger.AVAILABLE] = figures[ledger.MAINTENANCE] + (1.0, 0.0, -1.0)

    book.charge(charge_span, book.rows_of([]), NEWEST)
    assert book.used_up().tolist() == [False, True, True]
