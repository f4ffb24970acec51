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

from twilight.domain.formulas import accrued
from twilight.domain.numbers import EXACT_FLOAT_MAX, SCORE_PER_DOLLAR
from twilight.domain.orders import LONG, MARKET, Side, TraderOrder

BLOCK = 1024
SPAN = 8 * BLOCK
"""Rows that are computed together: small enough for the cache."""
NOWHERE = -(2**63)
"""The key of a row that has no liquidation price."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

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
        self._live: Bools = np.zeros(BLOCK, dtype=np.bool_)
        self._sequences: Ints = np.zeros(BLOCK, dtype=np.int64)
        self._keys: Ints = np.full(BLOCK, NOWHERE, dtype=np.int64)
        self._numbers: Ints = np.zeros(BLOCK, dtype=np.int64)
        self._blocks: Ints = np.full(1, NOWHERE, dtype=np.int64)
        """At least the largest key of each block; a tick that finds nobody there puts it right."""
        self._open_cells()
        self._counter = 0
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
        for name in ("_market", "_funded", "_awaited", "_live", "_sequences", "_numbers"):
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

    def charge(self, charge_span: Callable[[slice], None], kept: Ints, newest: int) -> int:
        """Change the figures of all rows but those kept, a span at a time; return the sum of R(A - M).

        Each position is put under its new liquidation price, last among equals, and a record of it is awaited. No
        entry sequence is above the newest. A price that is not positive and finite is none.
        """
        count, columns = len(self.uuids), slice(AVAILABLE, LIQUIDATION + 1)
        before = self._figures[columns, kept], self._keys[kept], self._numbers[kept], self._funded[kept]
        accrued_sats = 0
        for span in self.spans():
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                charge_span(span)
                self._put_all(self._keys[span], self._figures[LIQUIDATION, span])
            accrued_sats += sum_of_accrued(self._figures[AVAILABLE, span], self._figures[MARGIN, span])
        np.add(self._sequences[:count], self._counter, out=self._numbers[:count])
        self._counter += newest
        self._funded |= self._live
        self._awaited[:] = self._live
        accrued_sats -= sum_of_accrued(self._figures[AVAILABLE, kept], self._figures[MARGIN, kept])
        self._figures[columns, kept], self._keys[kept], self._numbers[kept], self._funded[kept] = before
        self._awaited[kept] = False
        accrued_sats += sum_of_accrued(self._figures[AVAILABLE, kept], self._figures[MARGIN, kept])
        self._blocks[:] = self._keys.reshape(-1, BLOCK).max(axis=1)
        self.version += 1
        return accrued_sats

    def _put_all(self, keys: Ints, prices: Floats) -> None:
        """Write the keys of liquidation prices: the larger, the sooner the position is reached."""
        if prices.min() > 0 and prices.max() < 2.0**62 / SCORE_PER_DOLLAR:
            np.copyto(keys, prices * (self._sign * SCORE_PER_DOLLAR), casting="unsafe")
        else:
            prices[~((prices > 0) & np.isfinite(prices))] = 0.0
            keys[:] = np.where(prices > 0, self._sign * scores(prices), NOWHERE)

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
        return rows[np.lexsort((self._numbers[rows], self._sign * self._keys[rows]))]


def _cells(column: NDArray[Any]) -> Any:  # noqa: ANN401  # numbers and truths alike
    return memoryview(column.data)


def scores(prices: Floats) -> Ints:
    """Return the scores of finite prices of 0 or more, as `numbers.score` gives them."""
    scaled = prices * SCORE_PER_DOLLAR
    if scaled.max(initial=0.0) < 2.0**63:
        return scaled.astype(np.int64)
    below = np.minimum(scaled, np.nextafter(2.0**63, 0.0))
    return np.where(scaled < 2.0**63, below.astype(np.int64), 2**63 - 1)


def sum_of_accrued(available: Floats, margin: Floats) -> int:
    """Return the exact sum of R(A - M), whatever its size."""
    difference = available - margin
    nearest = np.rint(difference)
    difference -= nearest
    np.abs(difference, out=difference)
    if difference.max(initial=0.0) == 0.5:  # noqa: PLR2004  # a half
        ties = np.flatnonzero(difference == 0.5)  # noqa: PLR2004
        exact = available[ties] - margin[ties]
        nearest[ties] = np.trunc(exact) + np.sign(exact)
    if len(nearest) * max(nearest.max(initial=0.0), -nearest.min(initial=0.0)) < EXACT_FLOAT_MAX:
        return int(nearest.sum())
    whole = nearest.astype(np.int64)
    return (int((whole >> 25).sum()) << 25) + int((whole & (2**25 - 1)).sum())
