"""What a batch of entries writes: rows of events, changes of states. Nothing here touches a database."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from twilight.archiver.postgres.tables import ORDER_MARGINS, Row, StateTable, Table
from twilight.domain.candles import Candle

Key = tuple[object, ...]


@dataclass(slots=True)
class Batch:
    """Everything that one transaction writes beside the raw log."""

    rows: dict[Table, list[Row]] = field(default_factory=dict)
    states: dict[StateTable, dict[Key, Row]] = field(default_factory=dict)
    candles: dict[tuple[int, int], Candle] = field(default_factory=dict)
    """Candles that changed, by length and start: their rows are made when the batch is written."""
    unnamed: list[int] = field(default_factory=list)
    """Offsets of answers without a request id, that may take that of an earlier step of their order."""
    late: set[tuple[int, int]] = field(default_factory=set)
    """Candles (length, start) older than remembered, to be counted anew from the tables."""

    def add(self, table: Table, row: Row) -> None:
        """Add a row of an event."""
        self.rows.setdefault(table, []).append(row)

    def set(self, table: StateTable, key: Key, row: Row) -> None:
        """Give a key its newest row."""
        self.states.setdefault(table, {})[key] = row

    def get(self, table: StateTable, key: Key) -> Row | None:
        """Return the row that this batch has given a key."""
        return self.states.get(table, {}).get(key)

    def drop_margins(self, uuid: str) -> None:
        """Forget an order's new margins: its whole state came after them."""
        self.states.get(ORDER_MARGINS, {}).pop((uuid,), None)

    def count(self) -> int:
        """Return how many rows it holds."""
        changes = sum(map(len, self.states.values())) + len(self.candles)
        return sum(map(len, self.rows.values())) + changes

    def extend(self, pairs: Iterable[tuple[Table, Row]]) -> None:
        """Add rows of events."""
        for table, row in pairs:
            self.add(table, row)
