"""The raw log read back as the records that it was made of."""

from collections.abc import Iterator

from twilight.archiver.postgres.connection import Connection
from twilight.bus import Record

CHUNK_RECORDS = 10_000

_CHUNK = """
SELECT "offset", (extract(epoch FROM broker_ts) * 1000)::bigint, key_raw, payload_raw FROM event_log
WHERE stream = %s AND partition = %s AND "offset" >= %s AND "offset" < %s ORDER BY "offset" LIMIT %s
"""


def stored_records(
    connection: Connection, stream: str, first: int, end: int, partition: int = 0
) -> Iterator[list[Record]]:
    """Yield the stored records of a range of offsets in chunks, in their order."""
    while True:
        rows = connection.execute(_CHUNK, (stream, partition, first, end, CHUNK_RECORDS), binary=True).fetchall()
        if not rows:
            return
        yield [Record(stream, partition, offset, ms, key, value) for offset, ms, key, value in rows]
        first = rows[-1][0] + 1


def next_offset(connection: Connection, stream: str, *, locked: bool = False) -> int:
    """Return the position of a stream, 0 before its first record.

    Args:
        connection: a session on the archive.
        stream: the stream's name.
        locked: hold the stream's position still until the caller's transaction ends.
    """
    suffix = " FOR UPDATE" if locked else ""
    row = connection.execute(
        f"SELECT next_offset FROM ingest_offset WHERE consumer = 'archiver' AND stream = %s{suffix}",  # noqa: S608
        (stream,),
    ).fetchone()
    return 0 if row is None else int(row[0])
