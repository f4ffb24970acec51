"""The whole log of the real Rust relayer goes in (storage specification 11)."""

import random
from collections import Counter

import pytest
from archiving import ZONES, Archive
from expected import Expected

from conftest import MakeArchive
from twilight.archiver.postgres import tables
from twilight.archiver.postgres.copying import copy_rows
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE
from twilight.bus import Record

pytestmark = pytest.mark.servers


def test_the_whole_reference_log_is_archived_and_nothing_is_dead(archive: Archive, reference_log: list[Record]) -> None:
    archive.feed(reference_log, 2_000)

    assert archive.dead() == []
    assert archive.one("SELECT count(*) FROM event_log") == len(reference_log) == 7_912
    kinds = Counter(dict(archive.rows("SELECT event_type, count(*) FROM event_log GROUP BY 1")))
    assert kinds["CurrentPriceUpdate"] == archive.one("SELECT count(*) FROM btc_usd_price") == 6_534
    assert kinds["TxHash"] == archive.one("SELECT count(*) FROM transaction_hash") == 220
    assert kinds["PoolUpdate"] == archive.one("SELECT count(*) FROM lend_pool") == 192
    assert archive.one("SELECT count(*) FROM order_command") == 201 + 39 + 30 + 30 + 15 + 30


def test_every_record_of_the_raw_log_is_byte_for_byte_the_one_that_came(
    archive: Archive, reference_log: list[Record]
) -> None:
    archive.feed(reference_log)

    stored = archive.rows('SELECT "offset", key_raw, payload_raw FROM event_log ORDER BY 1')
    assert stored == [(r.offset, r.key, r.value) for r in reference_log]


def test_batches_of_any_size_and_restarts_anywhere_leave_the_same_tables(
    archives: MakeArchive, reference_log: list[Record]
) -> None:
    once, often = archives(), archives()
    once.feed(reference_log, 5_000)
    sizes = random.Random(5)
    start = 0
    while start < len(reference_log):
        size = sizes.choice((1, 150, 400, 900))
        often.feed(reference_log[start : start + size], 130)
        often.restart()
        start += size

    assert often.tables() == once.tables()


def test_records_that_come_again_change_nothing(archive: Archive, reference_log: list[Record]) -> None:
    archive.feed(reference_log[:3_000])
    before = archive.tables()
    archive.connection.execute("UPDATE ingest_offset SET next_offset = 1500")
    archive.restart()
    archive.feed(reference_log[1_450:3_000], 400)

    assert archive.tables() == before


def test_the_fold_in_memory_expects_exactly_what_the_tables_hold(archive: Archive, reference_log: list[Record]) -> None:
    archive.feed(reference_log, 700)
    expected = Expected()
    expected.take(Reader(CORE, Duplicates()).entries(reference_log))

    for table in tables.STATE_TABLES:
        if table == tables.ORDER_MARGINS:
            continue
        archive.connection.execute(f"CREATE TEMP TABLE expected AS SELECT * FROM {table.name} WITH NO DATA")  # noqa: S608
        copy_rows(archive.connection, "expected", table.columns, expected.rows(table))
        difference = (
            f"(SELECT * FROM expected EXCEPT ALL SELECT * FROM {table.name})"  # noqa: S608
            f" UNION ALL (SELECT * FROM {table.name} EXCEPT ALL SELECT * FROM expected)"
        )
        assert archive.rows(difference) == [], table.name
        archive.connection.execute("DROP TABLE expected")


@pytest.mark.parametrize("timezone", ZONES)
def test_the_server_s_time_zone_changes_nothing(
    archives: MakeArchive, reference_log: list[Record], timezone: str
) -> None:
    plain, elsewhere = archives(timezone="UTC"), archives(timezone=timezone)
    for archive in (plain, elsewhere):
        archive.feed(reference_log)

    assert elsewhere.tables() == plain.tables()


def test_a_state_as_of_a_sequence_is_what_the_table_held_then(
    archives: MakeArchive, reference_log: list[Record]
) -> None:
    part, whole = archives(), archives()
    part.feed(reference_log[:1_400])
    whole.feed(reference_log)
    last = reference_log[1_399].offset

    for function, table in (
        ("trader_order_as_of", "trader_order_current"),
        ("lend_order_as_of", "lend_order_current"),
        ("trigger_as_of", "trigger_current"),
        ("order_book_as_of", "order_book_entry"),
    ):
        then = {text for (text,) in whole.rows(f"SELECT t::text FROM {function}({last}) t")}  # noqa: S608
        assert then == {text for (text,) in part.rows(f"SELECT t::text FROM {table} t")}, table  # noqa: S608
