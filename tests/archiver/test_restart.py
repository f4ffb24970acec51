"""A restart at any point leaves no trace: what is read back from the tables is what was remembered."""

import json
from collections.abc import Callable

import pytest
from archiving import Archive, record

from twilight.bus import Record

pytestmark = pytest.mark.servers

A, B = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "ab")


def stop_loss(offset: int, act: str, *elements: object) -> Record:
    command = {f"{act}LIMITPrice": elements}
    return record(offset, json.dumps({"SortedSetDBUpdate": [command, "2026-11-25T05:00:00+00:00"]}).encode())


def test_a_bulk_removal_numbers_its_triggers_alike_before_and_after_a_restart(
    archives: Callable[[], Archive],
) -> None:
    setting = [
        stop_loss(0, "AddStopLossClose", B, 50_000.0, "LONG"),
        stop_loss(1, "AddStopLossClose", A, 50_001.0, "LONG"),
        stop_loss(2, "UpdateStopLossClose", B, 50_002.0, "LONG"),
    ]
    removal = [stop_loss(3, "BulkSearchRemoveSLTPClose", 50_000.0, "SHORT")]
    running, restarted = archives(), archives()
    for archive in (running, restarted):
        for change in setting:
            archive.feed([change])

    restarted.restart()
    for archive in (running, restarted):
        archive.feed(removal)

    assert restarted.tables() == running.tables()
    taken = restarted.rows("SELECT order_uuid::text, ordinal FROM trigger_change WHERE src_offset = 3 ORDER BY ordinal")
    assert taken == [(A, 0), (B, 1)]
