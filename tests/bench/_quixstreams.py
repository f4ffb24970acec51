"""The usual way of P3: the PostgreSQL sink of quixstreams. Run by `_peers` in its own venv, told by standard input.

Either the topic holds events, and the application makes their rows (`_projecting`) and sinks them, or it holds the rows
ready-made, one message each. Prints the seconds from the first message to the last commit.
"""

import json
import sys
import time
from typing import Any

from quixstreams import Application
from quixstreams.sinks.community.postgresql import PostgreSQLSink


class RowSink(PostgreSQLSink):
    """Takes pairs of a table's name and a row: the name is handed on as the key."""

    def add(self, value: Any, key: Any, *rest: Any, **more: Any) -> None:
        """Take one row."""
        del key
        super().add(value[1], value[0], *rest, **more)


def main() -> None:
    """Sink so many rows from a topic."""
    told: dict[str, Any] = json.load(sys.stdin)
    begun: list[float] = []
    app = Application(
        broker_address=told["brokers"],
        consumer_group=told["group"],
        auto_offset_reset="earliest",
        commit_every=told["batch_rows"],
        commit_interval=3_600.0,
        loglevel="ERROR",
    )
    topic = app.topic(told["topic"], key_deserializer="bytes", value_deserializer="bytes")
    frame = app.dataframe(topic).update(lambda _: None if begun else begun.append(time.perf_counter()))
    if told["events"]:
        sys.path += told["paths"]  # after its own: quixstreams keeps its own packages
        from tests.bench._projecting import Projecting  # noqa: PLC0415 - only now can it be found

        projecting = Projecting()
        frame = frame.apply(lambda value, key, ts, _: projecting.rows(key, value, ts), expand=True, metadata=True)
    else:
        frame = frame.apply(lambda value, key, *_: (key.decode(), json.loads(value)), metadata=True)
    frame.sink(
        RowSink(
            **told["database"],
            table_name=lambda item: item.key,
            schema_auto_update=False,
            include_metadata=False,
            primary_key_columns=lambda item: told["keys"][item.key],
            upsert_on_primary_key=True,
        )
    )
    app.run(count=told["rows"])
    sys.stdout.write(f"{time.perf_counter() - begun[0]}\n")


main()
