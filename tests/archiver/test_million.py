"""A rebuild of a long history makes the same tables (issue 6): a slow test, TWILIGHT_REBUILD_EVENTS says how long."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from archiving import Archive
from tests.bench._archive import long_log

from twilight.archiver.pipeline import Pipeline
from twilight.archiver.upkeep.rebuild import REBUILDABLE, rebuild
from twilight.bus import Record

EVENTS = int(os.environ.get("TWILIGHT_REBUILD_EVENTS", "1000000"))
BATCH_RECORDS = 5_000


def digests(archive: Archive) -> dict[str, tuple[int, object]]:
    """Return count and sum of hashes of every derived table."""
    query = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {} t"
    return {name: archive.rows(query.format(name))[0] for name in REBUILDABLE}  # type: ignore[misc]


def batches(log: list[Record]) -> Iterator[list[Record]]:
    for start in range(0, len(log), BATCH_RECORDS):
        yield log[start : start + BATCH_RECORDS]


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.timeout(3_600)
def test_a_rebuild_of_a_million_events_makes_equal_tables(
    archive: Archive, shared_dir: Path, tell: Callable[[str], None]
) -> None:
    log = long_log(shared_dir, EVENTS)
    begun = time.monotonic()
    with Pipeline(archive.writer, lambda *_: None) as pipeline:
        for records in batches(log):
            pipeline.put(archive.reader.entries(records), archive.reader.newest_event_ns)
        pipeline.drain()
    archived = time.monotonic()
    before = digests(archive)
    counted = time.monotonic()

    rebuilt = rebuild(archive.url)
    done = time.monotonic()

    assert rebuilt.records == EVENTS
    assert digests(archive) == before
    tell(f"archived {EVENTS:,} events in {archived - begun:.0f} s, rebuilt equal in {done - counted:.0f} s")
