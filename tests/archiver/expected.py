"""What the tables must hold after a log: the same fold, merged in memory the way the writer's statements merge.

Run it over the whole log from its beginning and compare. Every candle is remembered, so
that what the writer counts anew from its tables is right here at once.
"""

from collections.abc import Callable, Iterable

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.batch import Batch, Key
from twilight.archiver.postgres.fold import Fold, with_margins
from twilight.archiver.postgres.memory import Memory
from twilight.archiver.postgres.merging import state_rows
from twilight.archiver.postgres.tables import Row, StateTable
from twilight.archiver.record import Entry
from twilight.domain.candles import LENGTHS_S, CandleFold

States = dict[StateTable, dict[Key, Row]]
_STATUS_AT = tables.ORDER_CURRENT.columns.index("order_status")
_FIRST_TS_AT = -2
_SAMPLES_AT = tables.POOL_MINUTE.columns.index("samples")


class Expected:
    """The tables of states, key by key. Feed it a whole log in order, in batches of any size."""

    def __init__(self) -> None:
        self._fold = Fold(Memory(candles=[CandleFold(length_s, remembered=None) for length_s in LENGTHS_S]))
        self._states: States = {}

    def take(self, entries: Iterable[Entry]) -> Batch:
        """Take records; return what they write, of which `rows` are those of the tables of events."""
        batch = self._fold.take(entries)
        for table in tables.STATE_TABLES:
            merge = _MERGES.get(table, _replace)
            known = self._states.setdefault(_target(table), {})
            for key, row in state_rows(batch, table).items():
                merge(known, key, row)
        return batch

    def rows(self, table: StateTable) -> list[Row]:
        """Return the rows that the table must hold now, in its column order."""
        return list(self._states.get(table, {}).values())


def _target(table: StateTable) -> StateTable:
    return tables.ORDER_CURRENT if table == tables.ORDER_MARGINS else table


def _replace(known: dict[Key, Row], key: Key, row: Row) -> None:
    known[key] = row


def _keep_first_time(known: dict[Key, Row], key: Key, row: Row) -> None:
    before = known.get(key)
    known[key] = row if before is None else (*row[:_FIRST_TS_AT], before[_FIRST_TS_AT], row[-1])


def _change_margins(known: dict[Key, Row], key: Key, row: Row) -> None:
    before = known.get(key)
    if before is None:
        known[key] = row
    elif before[_STATUS_AT] == "FILLED":
        known[key] = with_margins(before, row, row[-1])


def _leave(known: dict[Key, Row], key: Key, row: Row) -> None:
    known.setdefault(key, row)


def _without_empty(known: dict[Key, Row], key: Key, row: Row) -> None:
    if row[-2] == 0:
        known.pop(key, None)
    else:
        known[key] = row


def _add_samples(known: dict[Key, Row], key: Key, row: Row) -> None:
    before = known.get(key)
    samples = row[_SAMPLES_AT] if before is None else int(before[_SAMPLES_AT] or 0) + int(row[_SAMPLES_AT] or 0)
    known[key] = (*row[:_SAMPLES_AT], samples, *row[_SAMPLES_AT + 1 :])


_MERGES: dict[StateTable, Callable[[dict[Key, Row], Key, Row], None]] = {
    tables.ORDER_CURRENT: _keep_first_time,
    tables.ORDER_MARGINS: _change_margins,
    tables.LEND_CURRENT: _keep_first_time,
    tables.ACCOUNT_LINK: _leave,
    tables.TRADE: _leave,
    tables.ORDER_BOOK: _without_empty,
    tables.POOL_MINUTE: _add_samples,
}
