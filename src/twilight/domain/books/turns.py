"""The order in which the records of an open hour come (R25).

The marks of the ledgers say whose records are awaited; this only spares a slice to look at a million of them. It
follows from the ledgers, so whoever has none makes one, and it is no part of a snapshot or of the state hash.
"""

from collections.abc import Sequence

import numpy as np

from twilight.domain.books.columns import Ints
from twilight.domain.books.ledger import Ledger


class Turns:
    """All whose records were awaited when this was made, and a cursor that only moves forward."""

    def __init__(self, books: Sequence[Ledger]) -> None:
        which, rows = by_sequence(books, [np.flatnonzero(book.awaited()) for book in books])
        self._books = books
        self._which, self._rows = memoryview(which.data), memoryview(rows.data)
        self._cursor = 0

    def next(self, count_max: int) -> list[str]:
        """Return whose records come next, at most so many; who has had his record, or has gone, is passed for ever."""
        uuids = list[str]()
        for place in range(self._cursor, len(self._rows)):
            book, row = self._books[self._which[place]], self._rows[place]
            if book.row_is_awaited(row):
                uuids.append(book.uuids[row])
                if len(uuids) == count_max:
                    break
            elif not uuids:
                self._cursor = place + 1
        return uuids


def by_sequence(books: Sequence[Ledger], rows: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Return the given rows of each book by entry sequence: the number of the book, and the row in it."""
    sequences = np.concatenate([book.sequences()[own] for book, own in zip(books, rows, strict=True)])
    which = np.repeat(np.arange(len(books)), [len(own) for own in rows])
    places = np.argsort(sequences, kind="stable")  # a book is mostly in order, which this kind makes use of
    return which[places], np.concatenate(rows)[places]
