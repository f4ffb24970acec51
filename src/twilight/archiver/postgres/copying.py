"""COPY as fast as this side can feed it: a table's rows become one text in one call.

msgspec writes rows as JSON arrays; without their brackets these are CSV lines as PostgreSQL reads them, with the
backslash as escape. Only a control character inside a text would be read otherwise: then the slow way is taken.
The raw log goes over in binary, because its bytes would double as text.
"""

import struct
from collections.abc import Iterable, Sequence

import msgspec

from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.tables import Row, StateTable
from twilight.archiver.postgres.values import is_missing

_encoder = msgspec.json.Encoder()
_LENGTH = struct.Struct(">i").pack
_INT4, _INT8 = struct.Struct(">ii").pack, struct.Struct(">iq").pack
_NULL = _LENGTH(-1)
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
EPOCH_2000_US = 946_684_800_000_000


def csv_text(rows: Sequence[Row]) -> bytes | None:
    """Return rows as CSV, None when a text holds what only the slow way can write."""
    text = _encoder.encode_lines(rows)
    if b"\\" in text and b"\\" in text.replace(b"\\\\", b"").replace(b'\\"', b""):
        return None
    return text[1:-2].replace(b"]\n[", b"\n") + b"\n"


def copy_rows(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """COPY rows into a table."""
    if not rows:
        return
    text = csv_text(rows)
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if text is not None:
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\\')") as copy:
                copy.write(text)
        else:
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([None if is_missing(value) else value for value in row])


def copy_binary(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """COPY rows that are PostgreSQL's binary form already."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(b"".join((_HEADER, *rows, _TRAILER)))


def binary_bytes(value: bytes | None) -> bytes:
    """Return a `bytea` or `text` field."""
    return _NULL if value is None else _LENGTH(len(value)) + value


def binary_text(value: str | None) -> bytes:
    """Return a `text` field; what PostgreSQL cannot hold is shown as a replacement."""
    return _NULL if value is None else binary_bytes(storable(value).encode())


def binary_json(value: object) -> bytes:
    """Return a `jsonb` field, null for None."""
    return _NULL if value is None else binary_bytes(b"\x01" + _encoder.encode(value))


def binary_int4(value: int) -> bytes:
    """Return an `integer` field."""
    return _INT4(4, value)


def binary_int8(value: int) -> bytes:
    """Return a `bigint` field."""
    return _INT8(8, value)


def binary_timestamp(us: int | None) -> bytes:
    """Return a `timestamptz` field from microseconds since 1970."""
    return _NULL if us is None else _INT8(8, us - EPOCH_2000_US)


def storable(text: str) -> str:
    """Return text as PostgreSQL can hold it: NUL and lone surrogates shown as replacements."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def make_stages(connection: Connection, tables: Iterable[StateTable]) -> None:
    """Make the staging tables of this session; each is empty again after every transaction."""
    for table in tables:
        connection.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {table.stage} ON COMMIT DELETE ROWS AS"  # noqa: S608 - our own names
            f" SELECT {', '.join(table.columns)} FROM {table.name} WITH NO DATA"
        )


def upsert(connection: Connection, table: StateTable, rows: Sequence[Row], rule: str) -> None:
    """Merge rows into a table by way of its staging table; once for each table and transaction.

    Args:
        connection: inside a transaction.
        table: the target.
        rows: at most one for each key.
        rule: what to do with a key that is there, from `ON CONFLICT` on.
    """
    if not rows:
        return
    columns = ", ".join(table.columns)
    copy_rows(connection, table.stage, table.columns, rows)
    connection.execute(
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {table.stage}{rule}"  # noqa: S608 - ours
    )


def replacing(table: StateTable, kept: Sequence[str] = ()) -> str:
    """Return the rule that takes every column but the keys and those to keep from the new row."""
    taken = (column for column in table.columns if column not in table.keys and column not in kept)
    return f" ON CONFLICT ({', '.join(table.keys)}) DO UPDATE SET " + ", ".join(f"{c} = EXCLUDED.{c}" for c in taken)


def leaving(table: StateTable) -> str:
    """Return the rule that leaves a key that is there as it is."""
    return f" ON CONFLICT ({', '.join(table.keys)}) DO NOTHING"
