"""COPY as fast as this side can feed it: a table's rows become one text in one call.

msgspec writes rows as JSON arrays; without their brackets these are CSV lines as PostgreSQL reads them, with the
backslash as escape. Only a control character inside a text would be read otherwise: then each field is written apart.
The raw log goes over in binary, because its bytes would double as text.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.tables import Row, Value

_encoder = msgspec.json.Encoder()
_LENGTH = struct.Struct(">i").pack
_INT4, _INT8 = struct.Struct(">ii").pack, struct.Struct(">iq").pack
_NULL = _LENGTH(-1)
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
EPOCH_2000_US = 946_684_800_000_000


class Copy(NamedTuple):
    """One COPY into a table: its statement and everything that is sent."""

    statement: str
    body: bytes

    def run(self, connection: Connection) -> None:
        """Send it, inside the caller's transaction if there is one."""
        with connection.cursor() as cursor, cursor.copy(self.statement) as copy:
            copy.write(self.body)


def csv_text(rows: Sequence[Row]) -> bytes:
    """Return rows as CSV lines: a text is always quoted, so a bare null is none."""
    text = _encoder.encode_lines(rows)
    if b"\\" in text and b"\\" in text.replace(b"\\\\", b"").replace(b'\\"', b""):
        return b"".join(b",".join(map(_csv_field, row)) + b"\n" for row in rows)
    return text[1:-2].replace(b"]\n[", b"\n") + b"\n"


def _csv_field(value: Value) -> bytes:
    """Return one field; control characters in a text stand as they are, which JSON would write otherwise."""
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return _encoder.encode(value)


def copy_of(table: str, columns: Sequence[str], rows: Sequence[Row]) -> Copy:
    """Return the COPY of rows into a table."""
    names = ", ".join(columns)
    return Copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\\')", csv_text(rows))


def copy_rows(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """COPY rows into a table."""
    if rows:
        copy_of(table, columns, rows).run(connection)


def binary_copy(table: str, columns: Sequence[str], rows: Iterable[bytes]) -> Copy:
    """Return the COPY of rows that are PostgreSQL's binary form already."""
    body = b"".join((_HEADER, *rows, _TRAILER))
    return Copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", body)


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
