"""The one shape of a projection."""

from collections.abc import Callable, Iterable
from typing import Any

from twilight.archiver.postgres.tables import Row, Table
from twilight.archiver.record import Entry

Rows = Iterable[tuple[Table, Row]]
Projection = Callable[[Entry, Any], Rows]
"""From a record and its event to rows; pure, so a replay gives the same rows. Not-a-number is written as null.

Raises ``ValueError`` where a value has no column to go to: the record becomes a dead letter.
"""
