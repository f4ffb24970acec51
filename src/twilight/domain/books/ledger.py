"""The open positions of one side as columns: what a tick and an hour of funding must look at is in one place.

A million positions are charged by a few vector operations, and a tick that liquidates nobody compares one number
per block of rows. The columns hold what funding changes; a position's record is brought up to date when it is next
looked at (`State.position`). Elementwise double arithmetic gives the same digits as the formulas' (2.17).

It is also the side's set of liquidation prices (engine 1.8), so it has the members of a `TriggerSet`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twilight.domain.books.columns import Bools, Floats, Ints, scores, sum_of_accrued
from twilight.domain.model.formulas import accrued
from twilight.domain.model.numbers import SCORE_PER_DOLLAR
from twilight.domain.model.orders import LONG, MARKET, Side, TraderOrder

BLOCK = 1024
SPAN = 16 * BLOCK
"""Rows that are computed together: small enough for the cache, enough to be worth the call."""
USUAL_PRICE_MAX = 2.0**62 / SCORE_PER_DOLLAR
"""Below this, in dollars, the score of a price is computed without looking at it."""
NOWHERE = -(2**63)
"""The key of a row that has no liquidation price."""

SIZE, VALUE, MARGIN, ENTRY, WORTH, AVAILABLE, MAINTENANCE, LIQUIDATION = range(8)
VACANT = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)


class Ledger:
    """Rows of FILLED positions of one side, and under which score each is liquidated."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._sign = 1 if side is LONG else -1
        self.rows: dict[str, int] = {}
        self.uuids: list[str] = []
        self._free: list[int] = []
        self._figures: Floats = np.zeros((8, BLOCK))
        self._market: Bools = np.zeros(BLOCK, dtype=np.bool_)
        self._funded: Bools = np.zeros(BLOCK, dtype=np.bool_)
        self._awaited: Bools = np.zeros(BLOCK, dtype=np.bool_)
        self._used_up: Bools = np.zeros(BLOCK, dtype=np.bool_)
        self._live: Bools = np.zeros(BLOCK, dtype=np.bool_)
        self._sequences: Ints = np.zeros(BLOCK, dtype=np.int64)
        self._keys: Ints = np.full(BLOCK, NOWHERE, dtype=np.int64)
        self._numbers: Ints = np.zeros(BLOCK, dtype=np.int64)
        self._blocks: Ints = np.full(1, NOWHERE, dtype=np.int64)
        """At least the largest key of each block; a tick that finds nobody there puts it right."""
        self._open_cells()
        self._counter = 0
        self._charged_at, self._charged_from = 0, 0
        """What the counter was at the last charge, and from where on it counts those that were charged."""
        self.version = 0
        """How often funding has changed the columns at once; a position of another version must be read anew."""

    def _open_cells(self) -> None:
        """Look at the columns by the cell: one number is read and written in a fifth of the array's own time."""
        self._figure_cells = [_cells(column) for column in self._figures]
        self._market_cells, self._funded_cells = _cells(self._market), _cells(self._funded)
        self._live_cells, self._awaited_cells = _cells(self._live), _cells(self._awaited)
        self._sequence_cells = _cells(self._sequences)
        self._key_cells, self._number_cells = _cells(self._keys), _cells(self._numbers)
        self._block_cells = _cells(self._blocks)

    # --- rows ---

    def add(self, order: TraderOrder, *, funded: bool = False) -> None:
        """Enter a position, not yet under a liquidation price; one that is in is written anew."""
        row = self.rows.get(order.uuid)
        if row is None:
            row = self._new_row(order.uuid)
        self._live_cells[row] = True
        self._market_cells[row] = order.order_type is MARKET
        self._funded_cells[row] = funded
        self._sequence_cells[row] = order.entry_sequence
        self.write(order)

    def write(self, order: TraderOrder) -> None:
        """Take a position's figures from its record."""
        row = self.rows[order.uuid]
        size, value, margin, entry, worth, available, maintenance, liquidation = self._figure_cells
        size[row] = order.position_size
        value[row] = order.initial_margin_sats * order.leverage
        margin[row] = order.initial_margin_sats
        entry[row] = order.entry_price
        worth[row] = order.bankruptcy_value_sats
        available[row] = order.available_margin_sats
        maintenance[row] = order.maintenance_margin_sats
        liquidation[row] = order.liquidation_price

    def mark_funded(self, uuid: str) -> None:
        """Note that the position was charged at least once (R21)."""
        self._funded_cells[self.rows[uuid]] = True

    def is_funded(self, uuid: str) -> bool:
        """Return whether the position was charged at least once (R21)."""
        return bool(self._funded[self.rows[uuid]])

    def await_record(self, uuid: str, *, awaited: bool) -> None:
        """Note whether the position's record of the open hour is still to come."""
        self._awaited_cells[self.rows[uuid]] = awaited

    def awaits_record(self, uuid: str) -> bool:
        """Return whether a position of this side has a record of the open hour still to come."""
        row = self.rows.get(uuid)
        return row is not None and bool(self._awaited_cells[row])

    def row_is_awaited(self, row: int) -> bool:
        """Return whether the position in a row has a record of the open hour still to come."""
        return bool(self._awaited_cells[row])

    def remove(self, uuid: str) -> None:
        """Let a position go; its row waits for the next one."""
        self.discard(uuid)
        row = self.rows.pop(uuid)
        self._live_cells[row] = self._funded_cells[row] = self._awaited_cells[row] = False
        for cells, vacant in zip(self._figure_cells, VACANT, strict=True):
            cells[row] = vacant
        self._free.append(row)

    def refresh(self, order: TraderOrder) -> TraderOrder:
        """Return the record with what funding has changed since it was made."""
        row = self.rows[order.uuid]
        fresh = order.copy()
        figures = self._figure_cells
        fresh.available_margin_sats = figures[AVAILABLE][row]
        fresh.maintenance_margin_sats = figures[MAINTENANCE][row]
        fresh.liquidation_price = figures[LIQUIDATION][row]
        return fresh

    def accrued_sats(self, order: TraderOrder) -> int:
        """Return R(A - M) of a position as it now stands."""
        return accrued(self._figure_cells[AVAILABLE][self.rows[order.uuid]], order.initial_margin_sats)

    def _new_row(self, uuid: str) -> int:
        if self._free:
            row = self._free.pop()
            self.uuids[row] = uuid
        else:
            row = len(self.uuids)
            self.uuids.append(uuid)
            if row == len(self._keys):
                self._grow()
        self.rows[uuid] = row
        return row

    def _grow(self) -> None:
        size = len(self._keys)
        self._figures = np.concatenate([self._figures, np.zeros_like(self._figures)], axis=1)
        for name in ("_market", "_funded", "_awaited", "_used_up", "_live", "_sequences", "_numbers"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        self._keys = np.concatenate([self._keys, np.full(size, NOWHERE, dtype=np.int64)])
        self._blocks = np.concatenate([self._blocks, np.full(size // BLOCK, NOWHERE, dtype=np.int64)])
        self._open_cells()

    # --- columns ---

    def figures(self) -> Floats:
        """Return the figures of all rows, vacant ones included."""
        return self._figures[:, : len(self.uuids)]

    def market(self) -> Bools:
        """Return which rows were opened at the market."""
        return self._market[: len(self.uuids)]

    def funded(self) -> Bools:
        """Return which rows were charged at least once."""
        return self._funded[: len(self.uuids)]

    def live(self) -> Bools:
        """Return which rows hold a position."""
        return self._live[: len(self.uuids)]

    def awaited(self) -> Bools:
        """Return which rows have a record of the open hour still to come."""
        return self._awaited[: len(self.uuids)]

    def used_up(self) -> Bools:
        """Return which rows the last charge has left with no more than they must keep, A <= K (3.8)."""
        return self._used_up[: len(self.uuids)]

    def sequences(self) -> Ints:
        """Return the rows' entry sequences."""
        return self._sequences[: len(self.uuids)]

    def spans(self) -> Iterator[slice]:
        """Yield all rows, so many at a time that their columns stay in the cache."""
        count = len(self.uuids)
        for start in range(0, count, SPAN):
            yield slice(start, min(start + SPAN, count))

    def rows_of(self, sequences: Collection[int]) -> Ints:
        """Return the rows of the positions with these entry sequences."""
        if not sequences:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.live() & np.isin(self.sequences(), list(sequences)))

    def charge(self, charge_span: Callable[[slice, Floats], None], kept: Ints, newest: int) -> int:
        """Change the figures of all rows but those kept, a span at a time; return the sum of R(A - M).

        Each position is put under its new liquidation price, last among equals, and a record of it is awaited. No
        entry sequence is above the newest. A price that is not positive and finite is none. The second argument of
        `charge_span` is room for two columns of what comes between.
        """
        columns, room = slice(AVAILABLE, LIQUIDATION + 1), np.empty((2, SPAN))
        before = self._figures[columns, kept], self._keys[kept], self._funded[kept]
        accrued_sats = 0
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for span in self.spans():
                own = room[:, : span.stop - span.start]
                charge_span(span, own)
                figures = self._figures[:, span]
                np.less_equal(figures[AVAILABLE], figures[MAINTENANCE], out=self._used_up[span])
                accrued_sats += sum_of_accrued(figures[AVAILABLE], figures[MARGIN], own)
                self._put_all(span, own[0])
        self._move_behind(kept, newest)
        self._funded |= self._live
        self._awaited[:] = self._live
        accrued_sats -= self._accrued_of(kept)
        self._figures[columns, kept], self._keys[kept], self._funded[kept] = before
        self._awaited[kept] = False
        accrued_sats += self._accrued_of(kept)
        np.maximum.at(self._blocks, kept // BLOCK, self._keys[kept])
        self.version += 1
        return accrued_sats

    def _put_all(self, span: slice, scaled: Floats) -> None:
        """Write the keys of liquidation prices, the larger, the sooner the position is reached; and of their blocks."""
        prices, keys = self._figures[LIQUIDATION, span], self._keys[span]
        np.multiply(prices, self._sign * SCORE_PER_DOLLAR, out=scaled)
        if prices.min() > 0 and prices.max() < USUAL_PRICE_MAX:
            np.copyto(keys, scaled, casting="unsafe")
        else:
            odd = np.flatnonzero(~((prices > 0) & (prices < USUAL_PRICE_MAX)))
            scaled[odd] = 0.0
            np.copyto(keys, scaled, casting="unsafe")
            found = prices[odd]
            prices[odd] = found = np.where((found > 0) & np.isfinite(found), found, 0.0)
            keys[odd] = np.where(found > 0, self._sign * scores(found), NOWHERE)
        blocks = self._blocks[span.start // BLOCK : -(-span.stop // BLOCK)]
        whole = self._keys[span.start : span.start + len(blocks) * BLOCK]
        np.maximum.reduce(whole.reshape(-1, BLOCK), axis=1, out=blocks)

    def _move_behind(self, kept: Ints, newest: int) -> None:
        """Let all others stand behind the rows kept among equals, by entry sequence, without writing to each."""
        in_order = kept[np.argsort(self._places(kept))]
        self._charged_at, self._charged_from = self._counter, self._counter + len(kept)
        self._numbers[in_order] = np.arange(self._charged_at + 1, self._charged_from + 1)
        self._counter = self._charged_from + newest

    def _places(self, rows: Ints) -> Ints:
        """Return the order of rows among equals: when each was put, or its entry sequence in the last charge."""
        numbers = self._numbers[rows]
        return np.where(numbers > self._charged_at, numbers, self._charged_from + self._sequences[rows])

    def _accrued_of(self, rows: Ints) -> int:
        figures = self._figures[:, rows]
        return sum_of_accrued(figures[AVAILABLE], figures[MARGIN], np.empty((2, len(rows))))

    # --- the set of liquidation prices ---

    def __len__(self) -> int:
        return int(np.count_nonzero(self._keys != NOWHERE))

    def __contains__(self, uuid: str) -> bool:
        return self.score(uuid) is not None

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield (uuid, score) in ascending score, ties in insertion order."""
        rows = self._ordered(np.flatnonzero(self._keys != NOWHERE))
        for row in rows.tolist():
            yield self.uuids[row], self._sign * int(self._keys[row])

    def score(self, uuid: str) -> int | None:
        """Return the uuid's score, None if it is not in the set."""
        row = self.rows.get(uuid)
        key = NOWHERE if row is None else self._key_cells[row]
        return None if key == NOWHERE else self._sign * key

    def put(self, uuid: str, score: int) -> None:
        """Put the uuid under the score, last among equals; a uuid that is in already moves."""
        row = self.rows.get(uuid)
        if row is None:
            row = self._new_row(uuid)
        self._counter += 1
        self._number_cells[row] = self._counter
        key, block = self._sign * score, row // BLOCK
        self._key_cells[row] = key
        self._block_cells[block] = max(self._block_cells[block], key)

    def discard(self, uuid: str) -> bool:
        """Take the uuid out of the set; return whether it was in."""
        row = self.rows.get(uuid)
        if row is None or self._key_cells[row] == NOWHERE:
            return False
        self._key_cells[row] = NOWHERE
        return True

    def at_or_above(self, score: int) -> list[str]:
        """Return the uuids whose score is at least this one, in ascending score: the longs that fire."""
        if self._sign < 0:
            return self._uuids(np.flatnonzero((self._keys != NOWHERE) & (self._keys <= -score)))
        return self._reached(score)

    def at_or_below(self, score: int) -> list[str]:
        """Return the uuids whose score is at most this one, in ascending score: the shorts that fire."""
        if self._sign > 0:
            return self._uuids(np.flatnonzero((self._keys != NOWHERE) & (self._keys <= score)))
        return self._reached(-score)

    def rebuild(self, members: Iterable[tuple[str, int]]) -> None:
        """Put all members anew; among equal scores the given order holds."""
        for uuid, score in members:
            self.put(uuid, score)

    def copy(self) -> "Ledger":
        """Return an independent ledger with the same rows."""
        other = Ledger(self.side)
        for name, value in vars(self).items():
            setattr(other, name, value.copy() if isinstance(value, dict | list | np.ndarray) else value)
        other._open_cells()  # its own class
        return other

    def _reached(self, key: int) -> list[str]:
        found: list[Ints] = []
        for block in np.flatnonzero(self._blocks >= key).tolist():
            keys = self._keys[block * BLOCK : (block + 1) * BLOCK]
            rows = np.flatnonzero(keys >= key)
            if len(rows):
                found.append(block * BLOCK + rows)
            else:
                self._block_cells[block] = keys.max()
        return self._uuids(np.concatenate(found)) if found else []

    def _uuids(self, rows: Ints) -> list[str]:
        return [self.uuids[row] for row in self._ordered(rows).tolist()]

    def _ordered(self, rows: Ints) -> Ints:
        return rows[np.lexsort((self._places(rows), self._sign * self._keys[rows]))]


def _cells(column: NDArray[Any]) -> Any:  # noqa: ANN401  # numbers and truths alike
    return memoryview(column.data)
