"""The one shape of a projection."""

from collections.abc import Callable, Iterator
from typing import Any

from twilight.archiver.postgres.tables import Row, Table
from twilight.archiver.record import Entry

Rows = Iterator[tuple[Table, Row]]
Projection = Callable[[Entry, Any], Rows]
"""From a record and its event to rows; pure, so a replay gives the same rows. Not-a-number is written as null.

Raises ``ValueError`` where a value has no column to go to: the record becomes a dead letter.
"""
