"""What each event says, as rows: one pure function for each event kind, in one shape.

`rows_of(entry)` yields `(table, row)` pairs for the tables of `archiver.postgres.tables`; the writer and `twilight
audit` both use it, so the tables are by definition a function of the log.
"""

from twilight.archiver.postgres.projections import market, orders, pool, records
from twilight.archiver.postgres.projections.shape import Projection, Rows
from twilight.archiver.record import Entry

PROJECTIONS: dict[type, Projection] = {
    **orders.PROJECTIONS,
    **pool.PROJECTIONS,
    **market.PROJECTIONS,
    **records.PROJECTIONS,
}


def rows_of(entry: Entry) -> Rows:
    """Return the rows that a record adds to the tables of events; none for a record that is no event."""
    if entry.event is None:
        return ()
    return PROJECTIONS[type(entry.event)](entry, entry.event)


__all__ = ["PROJECTIONS", "rows_of"]
