"""The seed era's log, without the pool's snapshots: its totals are counted on (decisions S5).

The oracle is the real relayer: its recorded log has a snapshot in every pool update. Without them the derived totals
must come out the same.
"""

import json
from decimal import Decimal

import pytest
from archiving import Archive

from twilight.bus import Record

pytestmark = pytest.mark.servers

Totals = tuple[int, Decimal, Decimal, int, int]


def without_snapshot(record: Record) -> tuple[Record, Totals | None]:
    """Return a pool update as the seed era wrote it, and the totals that it would not tell."""
    if not (record.value or b"").startswith(b'{"PoolUpdate"'):
        return record, None
    command, pool, sequence = json.loads(record.value or b"", parse_float=Decimal)["PoolUpdate"]
    seed = json.dumps({"PoolUpdate": [command, sequence]}, default=float).encode()
    shares, value = Decimal(pool["total_pool_share"]), Decimal(pool["total_locked_value"])
    return record._replace(value=seed), (record.offset, shares, value, pool["nonce"], pool["aggrigate_log_sequence"])


def test_pool_totals_of_a_log_without_snapshots_are_those_that_the_real_relayer_held(
    archive: Archive, reference_log: list[Record]
) -> None:
    stripped = [without_snapshot(record) for record in reference_log]
    archive.feed([record for record, _ in stripped])

    derived = archive.rows(
        "SELECT src_offset, total_pool_share, total_locked_value, nonce, aggregate_log_sequence FROM lend_pool"
        " WHERE derived ORDER BY src_offset"
    )
    assert derived == [totals for _, totals in stripped if totals is not None]
