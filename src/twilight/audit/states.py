"""Tables with one row a key, merged from the log into temporary tables of the audit's own session.

The merging is the archiver's; `live.py` holds the result against the engine, which shares nothing with it.
"""

from collections.abc import Sequence

from psycopg import sql

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.batch import Batch
from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.copying import copy_rows
from twilight.archiver.postgres.fold import Fold
from twilight.archiver.postgres.merging import RULES, state_rows
from twilight.archiver.postgres.tables import CANDLE, ORDER_BOOK, ORDER_MARGINS, TRADE, StateTable
from twilight.archiver.record import Entry
from twilight.audit.comparing import Shape, Twin
from twilight.audit.finding import Faults

STATES = tuple(table for table in tables.STATE_TABLES if table is not ORDER_MARGINS)


class States:
    """What is true after the log so far, key by key, on PostgreSQL's side."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._twins = {table.name: Twin(connection, Shape(table.name, table.keys, table.columns)) for table in STATES}
        for table in RULES:
            connection.execute(
                sql.SQL("CREATE TEMP TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
                    sql.Identifier(_stage(table)),
                    sql.SQL(", ").join(map(sql.Identifier, table.columns)),
                    sql.Identifier(table.name),
                )
            )

    def name_of(self, table: StateTable) -> str:
        """Return the name of the temporary table that holds what a table must."""
        return self._twins[table.name].name

    def learn_trades(self, fold: Fold, entries: Sequence[Entry]) -> None:
        """Tell the fold which trades the log has told of before, of orders that it has forgotten or never met."""
        uuids = fold.unknown_orders(entries)
        found = self._connection.execute(
            sql.SQL("SELECT order_uuid::text, trade_kind FROM {} WHERE order_uuid = ANY(%s::uuid[])").format(
                sql.Identifier(self.name_of(TRADE))
            ),
            (list(uuids),),
        )
        kinds: dict[str, set[str]] = {uuid: set() for uuid in uuids}
        for uuid, kind in found:
            kinds[uuid].add(kind)
        for uuid, known in kinds.items():
            fold.memory.trades.learn(uuid, frozenset(known))

    def take(self, batch: Batch) -> None:
        """Merge what a batch changes."""
        for table, rule in RULES.items():
            rows = list(state_rows(batch, table).values())
            if rows:
                self._merge(table, rule, rows)

    def _merge(self, table: StateTable, rule: str, rows: list[tables.Row]) -> None:
        stage, twin = sql.Identifier(_stage(table)), sql.Identifier(self.name_of(table))
        columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        copy_rows(self._connection, _stage(table), table.columns, rows)
        self._connection.execute(
            sql.SQL("INSERT INTO {} AS {} ({}) SELECT {} FROM {}").format(
                twin, sql.Identifier(table.name), columns, columns, stage
            )
            + sql.SQL(rule)  # the archiver's own text
        )
        if table == ORDER_BOOK:
            self._connection.execute(sql.SQL("DELETE FROM {} WHERE size = 0").format(twin))
        self._connection.execute(sql.SQL("TRUNCATE {}").format(stage))

    def compare(self, faults: Faults, candle_faults: Faults) -> dict[str, int]:
        """Compare every table, candles apart; return how many rows each must hold."""
        counts: dict[str, int] = {}
        for table in STATES:
            twin = self._twins[table.name]
            self._connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(twin.name)))
            twin.compare(candle_faults if table == CANDLE else faults)
            counts[table.name] = self._count(twin)
        return counts

    def _count(self, twin: Twin) -> int:
        row = self._connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(twin.name))).fetchone()
        return 0 if row is None else int(row[0])


def _stage(table: StateTable) -> str:
    return f"audit_{table.stage}"
