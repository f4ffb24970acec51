"""What a batch does to the tables, ready to be sent: rows copied, states merged, and what must be asked of the tables.

Rows of events are new by their position, which moves in the same transaction, so they go straight into their tables.
States go by way of a staging table of the session: one COPY and one statement for each table and transaction.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.batch import Batch, Key
from twilight.archiver.postgres.candles import recount
from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.copying import Copy, copy_of
from twilight.archiver.postgres.folding.moves import candle_row
from twilight.archiver.postgres.tables import Row, StateTable


def replacing(table: StateTable, kept: Sequence[str] = ()) -> str:
    """Return the rule that takes every column but the keys and those to keep from the new row."""
    taken = (column for column in table.columns if column not in table.keys and column not in kept)
    return f" ON CONFLICT ({', '.join(table.keys)}) DO UPDATE SET " + ", ".join(f"{c} = EXCLUDED.{c}" for c in taken)


def leaving(table: StateTable) -> str:
    """Return the rule that leaves a key that is there as it is."""
    return f" ON CONFLICT ({', '.join(table.keys)}) DO NOTHING"


_MARGINS_ONLY = (
    " ON CONFLICT (uuid) DO UPDATE SET available_margin = EXCLUDED.available_margin,"
    " maintenance_margin = EXCLUDED.maintenance_margin, liquidation_price = EXCLUDED.liquidation_price,"
    " last_src_offset = EXCLUDED.last_src_offset WHERE trader_order_current.order_status = 'FILLED'"
)
_POOL_MINUTE = replacing(tables.POOL_MINUTE, ["samples"]) + (
    ", samples = lend_pool_price_minute.samples + EXCLUDED.samples"
)
RULES: dict[StateTable, str] = {
    tables.ORDER_CURRENT: replacing(tables.ORDER_CURRENT, ["first_ts"]),
    tables.ORDER_MARGINS: _MARGINS_ONLY,
    tables.LEND_CURRENT: replacing(tables.LEND_CURRENT, ["first_ts"]),
    tables.ACCOUNT_LINK: leaving(tables.ACCOUNT_LINK),
    tables.TRADE: leaving(tables.TRADE),
    tables.CANDLE: replacing(tables.CANDLE),
    tables.TRIGGER_CURRENT: replacing(tables.TRIGGER_CURRENT),
    tables.ORDER_BOOK: replacing(tables.ORDER_BOOK),
    tables.POOL_MINUTE: _POOL_MINUTE,
}
_EMPTY_BOOK = "DELETE FROM order_book_entry b USING stage_order_book_entry s WHERE s.size = 0 AND (b.order_uuid, b.kind) = (s.order_uuid, s.kind)"  # noqa: E501 - one statement

_NAME_ANSWERS = """
UPDATE transaction_hash AS unnamed SET request_id_filled = (
    SELECT earlier.request_id_filled FROM transaction_hash AS earlier
    WHERE earlier.order_id = unnamed.order_id AND earlier.src_offset < unnamed.src_offset
      AND earlier.request_id_filled IS NOT NULL
      AND earlier.order_status = ANY (CASE
          WHEN unnamed.order_status = 'FILLED' THEN ARRAY['PENDING']
          WHEN unnamed.order_status = 'LIQUIDATE' THEN ARRAY['FILLED', 'PENDING']
          WHEN unnamed.order_status = 'SETTLED' AND unnamed.order_type = 'LIMIT'
              THEN ARRAY['LimitPriceAdded', 'LimitPriceUpdated']
          WHEN unnamed.order_status = 'SETTLED' AND unnamed.order_type = 'Stoploss'
              THEN ARRAY['StopLossAdded', 'StopLossUpdated']
          WHEN unnamed.order_status = 'SETTLED' AND unnamed.order_type = 'Takeprofit'
              THEN ARRAY['TakeProfitAdded', 'TakeProfitUpdated']
          ELSE ARRAY[]::text[] END)
    ORDER BY earlier.src_offset DESC LIMIT 1)
WHERE unnamed.src_stream = %s AND unnamed.src_partition = %s AND unnamed.src_offset = ANY (%s)
  AND unnamed.request_id_filled IS NULL
"""


class Merge(NamedTuple):
    """The rows of one staging table, and the statements that take them over."""

    copy: Copy
    statements: tuple[str, ...]


class Work(NamedTuple):
    """Everything that a batch sends to PostgreSQL, encoded."""

    copies: list[Copy]
    merges: list[Merge]
    unnamed: list[int]
    late: set[tuple[int, int]]
    rows: int

    def run(self, connection: Connection, stream: str, partition: int) -> None:
        """Send it, inside the caller's transaction."""
        for copy in self.copies:
            copy.run(connection)
        for copy, statements in self.merges:
            copy.run(connection)
            for statement in statements:
                connection.execute(statement)
        if self.unnamed:
            connection.execute(_NAME_ANSWERS, (stream, partition, self.unnamed))
        if self.late:
            recount(connection, self.late)


def work_of(batch: Batch, found: Sequence[Copy]) -> Work:
    """Return the work of a batch: what was found out about its records first, then rows, then states."""
    rows = [copy_of(table.name, table.columns, rows) for table, rows in batch.rows.items()]
    return Work([*found, *rows], list(_merges(batch)), batch.unnamed, batch.late, batch.count())


def _merges(batch: Batch) -> Iterator[Merge]:
    for table, rule in RULES.items():
        rows = list(state_rows(batch, table).values())
        if rows:
            columns = ", ".join(table.columns)
            merge = f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {table.stage}{rule}"  # noqa: S608 - ours
            statements = (merge, _EMPTY_BOOK) if table == tables.ORDER_BOOK else (merge,)
            yield Merge(copy_of(table.stage, table.columns, rows), statements)


def state_rows(batch: Batch, table: StateTable) -> dict[Key, Row]:
    """Return the rows that a batch gives a table of states, by key."""
    if table == tables.CANDLE:
        return {key: candle_row(candle) for key, candle in batch.candles.items()}
    return batch.states.get(table, {})


def make_stages(connection: Connection) -> None:
    """Make the staging tables of this session; each is empty again after every transaction."""
    for table in RULES:
        connection.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {table.stage} ON COMMIT DELETE ROWS AS"  # noqa: S608 - our own names
            f" SELECT {', '.join(table.columns)} FROM {table.name} WITH NO DATA"
        )
