"""A record that the database refuses is found by halving its batch, and becomes a dead letter (storage 3.2 step 7)."""

import psycopg

from twilight.archiver.postgres.connection import blames_a_record
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.record import UNSTORABLE, Entry
from twilight.ops.errors import Unavailable

REFUSALS_MAX = 3


def write_isolating(writer: Writer, entries: list[Entry], newest_event_ns: int | None) -> int:
    """Write a batch, or its halves when its content is refused; return how many rows were made.

    Raises:
        psycopg.Error: the server's state is to blame, not a record.
        Moved: the tables are not where the writer left them.
        Unavailable: a record cannot be stored even as a dead letter; nothing after it can be.
    """
    for _ in range(REFUSALS_MAX):
        try:
            return writer.write(entries, newest_event_ns)
        except (psycopg.Error, ValueError, ArithmeticError) as error:
            if not blames_a_record(error):
                raise
            refusal: Exception = error
            writer.reload()
    if len(entries) > 1:
        middle = len(entries) // 2
        before = write_isolating(writer, entries[:middle], entries[middle - 1].newest_event_ns)
        return before + write_isolating(writer, entries[middle:], newest_event_ns)
    if entries[0].dead is not None:
        at = f"{entries[0].source.stream}/{entries[0].source.offset}"
        raise Unavailable(f"the record at {at} cannot be stored even as a dead letter: {refusal}") from refusal
    entries[0].bury(UNSTORABLE, f"{type(refusal).__name__}: {refusal}")
    return write_isolating(writer, entries, newest_event_ns)
