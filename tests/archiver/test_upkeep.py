"""Rebuild, reprocess, export and import, Parquet, figures (issue 6)."""

import threading
from pathlib import Path

import pytest
from archiving import Archive, price, record
from prometheus_client import REGISTRY
from pyarrow import parquet

from conftest import MakeArchive
from twilight.archiver.upkeep.completeness import Incomplete
from twilight.archiver.upkeep.exporting import MANIFEST, export, import_
from twilight.archiver.upkeep.parquet import write_parquet
from twilight.archiver.upkeep.rebuild import REBUILDABLE, rebuild
from twilight.archiver.upkeep.reprocess import reprocess
from twilight.archiver.upkeep.stats import measure, stats
from twilight.bus import Record
from twilight.ops.errors import Corrupt, SettingsError, Unavailable
from twilight.wire.events import kind_of

pytestmark = pytest.mark.servers


def test_a_rebuild_from_the_raw_log_leaves_equal_tables(archive: Archive, reference_log: list[Record]) -> None:
    archive.feed(reference_log)
    before = archive.tables()
    archive.connection.execute("TRUNCATE trade; UPDATE trader_order_current SET account_id = 'wrong'")

    done = rebuild(archive.url)

    assert archive.tables() == before
    assert done.records == len(reference_log)
    assert archive.rows("SELECT count(*) FROM candles_1min") == archive.rows(
        "SELECT count(*) FROM candle WHERE length_s = 60"
    )
    assert archive.rows("SELECT nspname FROM pg_namespace WHERE nspname = 'twilight_rebuild'") == []


def test_only_the_named_tables_are_rebuilt(archive: Archive, reference_log: list[Record]) -> None:
    archive.feed(reference_log[:1_200])
    trades = archive.tables(["trade"])
    archive.connection.execute("TRUNCATE trade, candle")

    rebuild(archive.url, ["trade"])

    assert archive.tables(["trade"]) == trades
    assert archive.one("SELECT count(*) FROM candle") == 0


def test_an_archiver_that_writes_meanwhile_goes_on_in_the_new_tables(
    archives: MakeArchive, reference_log: list[Record]
) -> None:
    busy, quiet = archives(), archives()
    quiet.feed(reference_log)
    busy.feed(reference_log[:2_000])
    worker = threading.Thread(target=rebuild, args=(busy.url,))
    worker.start()
    for start in range(2_000, len(reference_log), 300):
        feed_again_when_moved(busy, reference_log[start : start + 300])
    worker.join()
    feed_again_when_moved(busy, [])
    busy.feed([price(8_000, 1.0, "2026-11-25T05:00:00+00:00")])
    quiet.feed([price(8_000, 1.0, "2026-11-25T05:00:00+00:00")])

    assert busy.tables() == quiet.tables()


def feed_again_when_moved(archive: Archive, records: list[Record]) -> None:
    try:
        archive.feed(records)
    except Unavailable:
        archive.restart()
        archive.feed([record for record in records if record.offset >= (archive.writer.position or 0)])
    if not records:
        archive.restart()


def test_a_table_that_is_not_derived_cannot_be_rebuilt(archive: Archive) -> None:
    with pytest.raises(SettingsError, match="event_log: expected tables among"):
        rebuild(archive.url, ["event_log"])
    assert "event_log" not in REBUILDABLE


def test_a_dead_letter_that_can_be_read_now_is_put_in_its_place(
    archives: MakeArchive, reference_log: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, mended = archives(), archives()
    clean.feed(reference_log[:1_200])
    with monkeypatch.context() as patched:
        patched.setattr("twilight.archiver.reading.kind_of", refuse_funding)
        mended.feed(reference_log[:1_200])
    dead = mended.one("SELECT count(*) FROM dead_letter WHERE resolved_at IS NULL")
    mended.feed([record(9_000, b"noise")])

    done = reprocess(mended.url)

    assert dead > 0
    assert (done.tried, done.readable, done.resolved) == (dead + 1, dead, dead)
    assert mended.tables() == clean.tables()
    assert mended.rows('SELECT "offset", reason FROM dead_letter WHERE resolved_at IS NULL') == [(9_000, "NOT_JSON")]


def refuse_funding(event: object) -> str:
    kind = kind_of(event)  # type: ignore[arg-type]
    if kind.startswith("TraderOrderUpdate"):
        raise ValueError("an archiver that does not know this kind yet")
    return kind


def test_an_export_imported_elsewhere_is_the_same_archive(
    archives: MakeArchive, reference_log: list[Record], tmp_path: Path
) -> None:
    here, there = archives(), archives()
    here.feed(reference_log)
    manifest = export(here.url, "core", 0, 1_000_000, tmp_path / "out")
    there.close()

    assert import_(there.url, tmp_path / "out") == manifest.records == len(reference_log)
    there.restart()
    assert there.tables() == here.tables()
    assert there.rows('SELECT "offset", key_raw, payload_raw, broker_ts FROM event_log ORDER BY 1') == here.rows(
        'SELECT "offset", key_raw, payload_raw, broker_ts FROM event_log ORDER BY 1'
    )


def test_an_import_goes_on_where_the_archive_ends(
    archives: MakeArchive, reference_log: list[Record], tmp_path: Path
) -> None:
    here, there = archives(), archives()
    here.feed(reference_log[:900])
    there.feed(reference_log[:400])
    export(here.url, "core", 0, 1_000_000, tmp_path / "out")
    there.close()

    assert import_(there.url, tmp_path / "out") == 500
    there.restart()
    assert there.tables() == here.tables()


def test_a_changed_export_is_refused(archive: Archive, tmp_path: Path) -> None:
    archive.feed([price(0, 1.0, "2026-11-25T05:00:00+00:00")])
    manifest = export(archive.url, "core", 0, 10, tmp_path / "out")
    file = tmp_path / "out" / manifest.files[0].name
    file.write_bytes(file.read_bytes() + b"x")

    with pytest.raises(Corrupt, match="missing or changed"):
        import_(archive.url, tmp_path / "out")


def test_an_export_whose_manifest_tells_of_other_records_is_refused_before_anything_is_written(
    archives: MakeArchive, tmp_path: Path
) -> None:
    here, there = archives(), archives()
    here.feed([price(0, 1.0, "2026-11-25T05:00:00+00:00")])
    manifest = export(here.url, "core", 0, 10, tmp_path / "out")
    there.close()
    path = tmp_path / "out" / MANIFEST
    path.write_text(path.read_text().replace(manifest.records_sha256, "0" * 64))

    with pytest.raises(Corrupt, match="the manifest is not that of these files"):
        import_(there.url, tmp_path / "out")
    there.restart()
    assert there.one("SELECT count(*) FROM event_log") == 0


def test_an_export_of_another_topic_is_refused(archives: MakeArchive, tmp_path: Path) -> None:
    here, there = archives(), archives()
    for archive, topic in ((here, "one"), (there, "other")):
        archive.feed([price(0, 1.0, "2026-11-25T05:00:00+00:00")])
        archive.connection.execute("UPDATE ingest_offset SET topic_id = %s", (topic,))
    export(here.url, "core", 0, 10, tmp_path / "out")
    there.close()

    with pytest.raises(Corrupt, match="was archived from topic other, found topic one"):
        import_(there.url, tmp_path / "out")


def test_an_export_names_the_offsets_that_have_no_record(archive: Archive, tmp_path: Path) -> None:
    archive.feed([price(offset, 1.0, f"2026-11-25T05:00:0{offset % 10}+00:00") for offset in (2, 3, 7, 9)])
    manifest = export(archive.url, "core", 0, 100, tmp_path / "out")

    assert manifest.gaps == 6
    assert [(gap.first_offset, gap.last_offset) for gap in manifest.widest_gaps] == [(0, 1), (4, 6), (8, 8)]


def test_an_export_never_writes_over_files(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(SettingsError, match="empty folder"):
        export(archive.url, "core", 0, 10, tmp_path)


def test_a_table_becomes_a_parquet_file_with_the_same_numbers(
    archive: Archive, reference_log: list[Record], tmp_path: Path
) -> None:
    archive.feed(reference_log[:600])
    rows = write_parquet(archive.url, "trader_order", tmp_path / "orders.parquet")

    table = parquet.read_table(tmp_path / "orders.parquet")
    stored = archive.rows("SELECT src_offset, entryprice::float8, ts FROM trader_order ORDER BY src_offset")
    found = table.select(["src_offset", "entryprice", "ts"]).to_pylist()
    assert rows == len(stored)
    assert sorted(tuple(row.values()) for row in found) == stored


def test_the_figures_tell_rows_lag_gaps_and_partitions(archive: Archive) -> None:
    archive.feed([price(0, 1.0, "2026-11-25T05:00:00+00:00"), price(5, 2.0, "2026-11-25T05:00:01+00:00")])
    archive.feed([record(6, b"noise")])
    archive.connection.execute("ANALYZE")

    found = stats(archive.url, lambda _stream: 10)

    (core,) = found.streams
    assert (core.stream, core.next_offset, core.records, core.gaps) == ("core", 7, 3, 4)
    assert (core.lag_records, core.dead_letters) == (3, 1)
    prices = next(table for table in found.tables if table.table == "btc_usd_price")
    assert (prices.rows, prices.oldest_partition) == (2, "btc_usd_price_p00000")


def test_the_metrics_tell_what_only_the_database_knows(archive: Archive) -> None:
    archive.feed([price(0, 1.0, "2026-11-25T05:00:00+00:00"), record(1, b"noise")])
    archive.feed([price(10_000_001, 2.0, "2026-11-25T05:00:01+00:00")])
    archive.connection.execute("ALTER TABLE btc_usd_price DETACH PARTITION btc_usd_price_p00000; ANALYZE")

    measure(archive.url)

    def sample(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"archiver_{name}", labels)

    assert sample("unresolved_dead_letters", stream="core") == 1
    assert sample("table_rows", table="btc_usd_price") == 1
    assert sample("oldest_partition_offset", table="btc_usd_price") == 10_000_000
    assert sample("oldest_partition_offset", table="event_log") == 0
    assert (sample("table_bytes", table="event_log") or 0) > 0


def test_an_old_partition_can_be_detached_and_everything_goes_on(archive: Archive) -> None:
    archive.feed([price(0, 1.0, "2026-11-25T05:00:00+00:00")])
    archive.feed([price(10_000_001, 2.0, "2026-11-25T05:00:01+00:00")])
    archive.connection.execute("ALTER TABLE btc_usd_price DETACH PARTITION btc_usd_price_p00000")
    archive.restart()
    archive.feed([price(10_000_002, 3.0, "2026-11-25T05:00:02+00:00")])

    assert archive.rows("SELECT src_offset FROM btc_usd_price ORDER BY 1") == [(10_000_001,), (10_000_002,)]


def test_a_rebuild_refuses_to_destroy_what_only_a_detached_partition_could_make_again(archive: Archive) -> None:
    archive.feed([price(0, 1.0, "2026-11-25T05:00:00+00:00")])
    archive.feed([price(10_000_001, 2.0, "2026-11-25T05:00:01+00:00")])
    before = archive.tables()
    archive.connection.execute("ALTER TABLE event_log DETACH PARTITION event_log_p00000")

    with pytest.raises(Incomplete, match=r"holds 1 of the 2 records.*offsets missing: 0 to 9999999.*attach"):
        rebuild(archive.url)

    assert archive.tables() == before
    archive.connection.execute(
        "ALTER TABLE event_log ATTACH PARTITION event_log_p00000 FOR VALUES FROM (0) TO (10000000)"
    )
    assert rebuild(archive.url).records == 2
    assert archive.tables() == before


def test_a_rebuild_refuses_where_old_records_were_deleted(archive: Archive) -> None:
    archive.feed([price(n, 1.0, f"2026-11-25T05:00:0{n}+00:00") for n in range(6)])
    before = archive.tables()
    archive.connection.execute('DELETE FROM event_log WHERE "offset" < 4')

    with pytest.raises(Incomplete, match="offsets missing: 0 to 3"):
        rebuild(archive.url)
    assert archive.tables() == before


def test_a_record_that_only_the_database_refused_is_tried_again(archive: Archive) -> None:
    archive.connection.execute("ALTER TABLE stop_marker ADD CONSTRAINT refused CHECK (text <> 'x')")
    archive.feed([record(0, b'{"Stop":"x"}')])
    assert archive.dead() == [(0, "UNSTORABLE")]

    still = reprocess(archive.url)
    archive.connection.execute("ALTER TABLE stop_marker DROP CONSTRAINT refused")
    taken = reprocess(archive.url)

    assert (still.tried, still.readable) == (1, 0)
    assert (taken.readable, taken.resolved) == (1, 1)
    assert archive.one("SELECT text FROM stop_marker") == "x"
