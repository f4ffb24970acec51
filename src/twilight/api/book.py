"""The order book: levels of resting limit interest, by side and price. API specification 5.1."""

from collections.abc import Mapping

from twilight.api.results import BookLevel

BOOK_LEVELS = 10


def levels(totals: Mapping[tuple[str, int], float], side: str, levels_max: int | None = BOOK_LEVELS) -> list[BookLevel]:
    """Return the best levels of a side, best first, of totals by side and price in cents; all of them for None."""
    prices = sorted((price for of, price in totals if of == side), reverse=side == "bid")
    return [BookLevel("", totals[side, price], price / 100) for price in prices[:levels_max]]
