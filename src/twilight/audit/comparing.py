"""A table of the archive against the rows that it must hold, compared by PostgreSQL itself, row by row by their keys.

The expected rows stand in a temporary table of the audit's own session, so neither side is ever in this process's
memory, and numbers are equal when PostgreSQL says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.copying import copy_rows
from twilight.archiver.postgres.tables import Row
from twilight.audit.finding import FAULTS_SHOWN_MAX, Faults

EVERY_ROW = sql.SQL("true")
_COUNT_AT, _WHAT_AT = 0, 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What is compared: a table's name, its key, and all columns that the log determines, the key among them.

    `source` says where the rows are read from when it is not the table itself, `made_by` how the temporary table is
    made when it is not like the table, `purpose` sets two temporary tables of one table apart.
    """

    name: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    source: str = ""
    made_by: str = ""
    purpose: str = "audit"


class Twin:
    """The expected rows of one table, and the question how the table differs from them."""

    def __init__(self, connection: Connection, shape: Shape) -> None:
        self._connection = connection
        self._shape = shape
        self.name = f"{shape.purpose}_{shape.name}"
        like = sql.SQL("(LIKE {} INCLUDING DEFAULTS INCLUDING INDEXES)").format(sql.Identifier(shape.name))
        made_by = sql.SQL(shape.made_by) if shape.made_by else like
        connection.execute(sql.SQL("CREATE TEMP TABLE {} {}").format(sql.Identifier(self.name), made_by))

    def fill(self, rows: Sequence[Row]) -> None:
        """Put these rows in the place of what was expected before."""
        self._connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(self.name)))
        copy_rows(self._connection, self.name, [f'"{column}"' for column in self._shape.columns], rows)

    def compare(self, faults: Faults, where: sql.Composable = EVERY_ROW) -> None:
        """Add every row that is missing, too many or different, of those that `where` selects."""
        found = self._connection.execute(self._difference(where)).fetchall()
        if found:
            faults.extend([self._text(row) for row in found], int(str(found[0][_COUNT_AT])))

    def compare_strangers(self, faults: Faults, known: sql.Composable) -> None:
        """Add every row of the table that `known` does not select: no event of the log accounts for it."""
        keys = _joined(", ", self._shape.keys, "{}")
        found = self._connection.execute(
            sql.SQL(
                "SELECT count(*) OVER (), 'no event of the log stands behind it', {} FROM {} WHERE NOT ({})"
            ).format(keys, sql.Identifier(self._shape.name), known)
            + sql.SQL(" LIMIT {}").format(FAULTS_SHOWN_MAX),
        ).fetchall()
        if found:
            faults.extend([self._text(row) for row in found], int(str(found[0][_COUNT_AT])))

    def _difference(self, where: sql.Composable) -> sql.Composed:
        shape = self._shape
        others = [column for column in shape.columns if column not in shape.keys]
        first = sql.Identifier(shape.keys[0])
        differing = _joined(" OR ", others, "t.{} IS DISTINCT FROM e.{}") if others else sql.SQL("false")
        named = sql.SQL(", ").join(
            sql.SQL("CASE WHEN t.{0} IS DISTINCT FROM e.{0} THEN {1} END").format(sql.Identifier(column), column)
            for column in others
        )
        return sql.SQL(
            "SELECT count(*) OVER (), CASE WHEN t.{first} IS NULL THEN 'is missing'"
            " WHEN e.{first} IS NULL THEN 'does not follow from the log'"
            " ELSE 'differs in ' || concat_ws(', ', NULL, {named}) END, {keys}"
            " FROM (SELECT {columns} FROM {source} WHERE {where}) AS t FULL JOIN {twin} AS e ON {same_key}"
            " WHERE t.{first} IS NULL OR e.{first} IS NULL OR {differing} ORDER BY {places} LIMIT {limit}"
        ).format(
            first=first,
            named=named if others else sql.SQL("NULL"),
            keys=_joined(", ", shape.keys, "coalesce(t.{}, e.{})"),
            columns=_joined(", ", shape.columns, "{}"),
            source=sql.SQL(shape.source) if shape.source else sql.Identifier(shape.name),
            where=where,
            twin=sql.Identifier(self.name),
            same_key=_joined(" AND ", shape.keys, "t.{} = e.{}"),
            differing=differing,
            places=sql.SQL(", ").join(sql.SQL(str(place)) for place in range(3, 3 + len(shape.keys))),
            limit=FAULTS_SHOWN_MAX,
        )

    def _text(self, row: tuple[object, ...]) -> str:
        key = " ".join(str(part) for part in row[_WHAT_AT + 1 :])
        return f"{self._shape.name} {key}: {row[_WHAT_AT]}"


def _joined(separator: str, columns: Sequence[str], template: str) -> sql.Composed:
    """Return a template filled with each column, however often it names it."""
    wanted = template.count("{}")
    return sql.SQL(separator).join(sql.SQL(template).format(*[sql.Identifier(column)] * wanted) for column in columns)
