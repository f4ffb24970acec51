"""The usual way of P3: the PostgreSQL sink of quixstreams, one message for each row. Run by `_peers` in its own venv.

A message's key is the table, its value the row's columns. Prints the seconds from the first message to the last commit.
"""

import json
import sys
import time
from typing import Any

from quixstreams import Application
from quixstreams.sinks.community.postgresql import PostgreSQLSink


def main() -> None:
    """Sink so many messages of a topic, told as one JSON object on standard input."""
    told: dict[str, Any] = json.load(sys.stdin)
    sink = PostgreSQLSink(
        **told["database"],
        table_name=lambda item: item.key,
        schema_auto_update=False,
        include_metadata=False,
        primary_key_columns=lambda item: told["keys"][item.key],
        upsert_on_primary_key=True,
    )
    app = Application(
        broker_address=told["brokers"],
        consumer_group=told["group"],
        auto_offset_reset="earliest",
        commit_every=told["batch_rows"],
        commit_interval=3_600.0,
        loglevel="ERROR",
    )
    begun: list[float] = []
    frame = app.dataframe(app.topic(told["topic"], key_deserializer="str", value_deserializer="json"))
    frame = frame.update(lambda _: None if begun else begun.append(time.perf_counter()))
    frame.sink(sink)
    app.run(count=told["rows"])
    sys.stdout.write(f"{time.perf_counter() - begun[0]}\n")


main()
