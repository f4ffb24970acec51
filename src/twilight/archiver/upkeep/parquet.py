"""Any table as a Parquet file, for notebooks (issue 6). Numbers are the doubles that they were in the events."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from twilight.archiver.postgres.connection import Connection, connect
from twilight.ops.errors import SettingsError

CHUNK_ROWS = 50_000


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _float(value: Decimal) -> float:
    return float(value)


def _json(value: object) -> str:
    return json.dumps(value)


# PostgreSQL type -> name of the Arrow type, and how a value becomes one of it.
_TYPES: dict[str, tuple[str, Callable[[Any], object] | None]] = {
    "smallint": ("int16", None),
    "integer": ("int32", None),
    "bigint": ("int64", None),
    "numeric": ("float64", _float),
    "boolean": ("bool_", None),
    "text": ("string", None),
    "uuid": ("string", _text),
    "jsonb": ("string", _json),
    "bytea": ("binary", None),
}


def write_parquet(url: str, table: str, path: Path) -> int:
    """Write a table to a Parquet file; return the number of its rows.

    Raises:
        SettingsError: there is no such table, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an optional dependency
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise SettingsError(["Parquet needs pyarrow: install `twilight-relayer[notebook]`"]) from None
    with connect(url, "parquet") as connection:
        columns = _columns(connection, table)
        schema = pa.schema([(name, _arrow(pa, kind)) for name, kind in columns])
        converters = [_TYPES.get(kind, ("", None))[1] for _, kind in columns]
        rows = 0
        with connection.transaction(), parquet.ParquetWriter(path, schema) as writer:
            for chunk in _chunks(connection, table, [name for name, _ in columns]):
                arrays = [
                    _converted(column, convert)
                    for column, convert in zip(zip(*chunk, strict=True), converters, strict=True)
                ]
                writer.write_table(pa.table(arrays, schema=schema))
                rows += len(chunk)
    return rows


def _arrow(pa: Any, kind: str) -> Any:  # noqa: ANN401 - pyarrow has no types of its own
    if kind == "timestamp with time zone":
        return pa.timestamp("us", tz="UTC")
    return getattr(pa, _TYPES[kind][0])()


def _columns(connection: Connection, table: str) -> list[tuple[str, str]]:
    found = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = %s ORDER BY ordinal_position",
        (table,),
    ).fetchall()
    if not found:
        raise SettingsError([f"{table}: expected a table of the archive, there is none of that name"])
    return [(str(name), str(kind)) for name, kind in found]


def _chunks(connection: Connection, table: str, columns: list[str]) -> Any:  # noqa: ANN401 - an iterator of chunks
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    with psycopg.ServerCursor(connection, "parquet") as cursor:
        cursor.execute(sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(table)))
        while chunk := cursor.fetchmany(CHUNK_ROWS):
            yield chunk


def _converted(column: tuple[Any, ...], convert: Callable[[Any], object] | None) -> list[Any]:
    if convert is None:
        return list(column)
    return [None if value is None else convert(value) for value in column]
