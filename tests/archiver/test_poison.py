"""No record stops the archiver; each bad one is in the dead letters once (storage specification 11, "poison-proof")."""

import json
import random
from pathlib import Path

import pytest
from archiving import Archive, price, record

from conftest import MakeArchive
from twilight.archiver.postgres.isolating import write_isolating
from twilight.ops.errors import Unavailable

pytestmark = pytest.mark.servers

GOOD = '{"CurrentPriceUpdate":[65000.5,"2026-04-10T08:00:0%d.000000000+00:00"]}'
ORDER = (
    '{"TraderOrder":[{"uuid":"9596497a-15b0-483e-9f41-2bc22685adb4","account_id":"a","position_type":"LONG",'
    '"order_status":"FILLED","order_type":"MARKET","entryprice":%s,"execution_price":0.0,"positionsize":65000000000.0,'
    '"leverage":10.0,"initial_margin":100000.0,"available_margin":99600.0,'
    '"timestamp":"2026-04-10T08:00:00.006147100+00:00","bankruptcy_price":1.0,"bankruptcy_value":1.0,'
    '"maintenance_margin":1.0,"liquidation_price":1.0,"unrealized_pnl":0.0,"settlement_price":0.0,"entry_nonce":%s,'
    '"exit_nonce":0,"entry_sequence":1,"fee_filled":1.0,"fee_settled":0.0},{"CancelTraderOrder":[{"account_id":"a",'
    '"uuid":"9596497a-15b0-483e-9f41-2bc22685adb4","order_type":"LIMIT","order_status":"CANCELLED"},{"metadata":{}},'
    '"00","%s"]},7]}'
)

RISK_PARAMS = (
    b'{"max_oi_mult":4.0,"max_net_mult":0.8,"max_position_pct":0.02,"min_position_btc":0.0,"max_leverage":50.0,'
    b'"mm_ratio":0.4}'
)

REFUSED = "REQ-REFUSED"  # `Archive.refuse`: no record of the wire is known that PostgreSQL cannot hold
POISON: dict[str, bytes | None] = {
    "TOMBSTONE": None,
    "NOT_UTF8": b'{"Stop":"\xff"}',
    "NOT_JSON": b'{"CurrentPriceUpdate":[65000.5,"2026',
    "NOT_A_MESSAGE": b"[1,2]",
    "UNKNOWN_EVENT": b'{"PriceWasNice":[1.0]}',
    "NON_FINITE": b'{"CurrentPriceUpdate":[NaN,"2026-04-10T08:00:00+00:00"]}',
    "WRONG_TYPE": b'{"CurrentPriceUpdate":["dear",17]}',
    "NUL_IN_TEXT": b'{"Stop":"a\\u0000b"}',
    "LONE_SURROGATE": b'{"Stop":"\\ud800"}',
    "OUT_OF_RANGE": (ORDER % ("1.0", 2**64, "REQ")).encode(),
    "INTEGER_OVERFLOW": (ORDER % ("1.0", 2**64 - 1, "REQ")).encode(),
    "UNPLACEABLE": b'{"FeeUpdate":[{"RpcCommandPoolupdate":[]},"2026-04-10T08:00:00+00:00"]}',
    "UNSTORABLE": (ORDER % ("1.0", 1, REFUSED)).encode(),
    "TOO_DEEP": b"[" * 100_000,
}


def test_each_bad_record_is_dead_once_with_its_reason_and_the_good_ones_beside_it_are_stored(archive: Archive) -> None:
    values = [GOOD.encode() % 0, *POISON.values(), GOOD.encode() % 1]
    archive.refuse(REFUSED)
    archive.feed([record(offset, value) for offset, value in enumerate(values)])

    dead = archive.dead()
    assert [reason for _, reason in dead] == list(POISON)
    assert [offset for offset, _ in dead] == list(range(1, len(POISON) + 1))
    assert archive.one("SELECT count(*) FROM event_log") == len(values)
    assert archive.one("SELECT count(*) FROM btc_usd_price") == 2
    stored = archive.rows('SELECT payload_raw FROM dead_letter ORDER BY "offset"')
    assert [payload for (payload,) in stored] == list(POISON.values())


def test_the_same_poison_again_after_a_restart_is_not_dead_twice(archive: Archive) -> None:
    records = [record(offset, value) for offset, value in enumerate(POISON.values())]
    archive.refuse(REFUSED)
    archive.feed(records)
    archive.connection.execute("UPDATE ingest_offset SET next_offset = 0")
    archive.restart()
    archive.feed(records)

    assert [reason for _, reason in archive.dead()] == list(POISON)


def test_random_bytes_and_keys_that_are_no_json_never_stop_it(archive: Archive) -> None:
    noise = random.Random(7)
    records = [
        record(n, noise.randbytes(noise.randrange(200)), noise.randbytes(noise.randrange(40))) for n in range(300)
    ]
    archive.feed(records, 50)

    assert archive.one("SELECT count(*) FROM event_log") == 300
    assert len(archive.dead()) == 300


def test_a_value_of_ten_megabytes_is_stored(archive: Archive) -> None:
    value = b'{"Stop":"' + b"x" * 10_000_000 + b'"}'
    archive.feed([record(0, value)])

    assert archive.dead() == []
    assert archive.one("SELECT length(payload_raw) FROM event_log") == len(value)
    assert archive.one("SELECT length(text) FROM stop_marker") == 10_000_000


def test_a_version_from_the_future_is_read_by_its_shape(archive: Archive) -> None:
    key = b'{"agg_id":"a","event_type":"CurrentPriceUpdate","event_version":"v9.9.9","metadata":null}'
    archive.feed([record(0, GOOD.encode() % 0, key)])

    assert archive.dead() == []
    assert archive.rows("SELECT event_version, event_type FROM event_log") == [("v9.9.9", "CurrentPriceUpdate")]


def test_a_bare_key_and_no_key_are_the_seed_era_s(archive: Archive) -> None:
    archive.feed([record(0, GOOD.encode() % 0, b"insert_CurrentPrice"), record(1, GOOD.encode() % 1, None)])

    found = archive.rows('SELECT agg_id, event_type, event_version FROM event_log ORDER BY "offset"')
    assert found == [("insert_CurrentPrice", "CurrentPriceUpdate", "v0.0.0"), ("", "CurrentPriceUpdate", "v0.0.0")]


def test_an_unreadable_record_of_the_seed_era_is_filed_under_what_its_value_names(archive: Archive) -> None:
    archive.feed([record(0, b'{"CurrentPriceUpdate":[1.0,"no time"]}', b"insert_CurrentPrice"), record(1, b"[]", b"x")])

    assert archive.rows('SELECT event_type FROM event_log ORDER BY "offset"') == [("CurrentPriceUpdate",), (None,)]


def test_a_number_written_as_null_is_marked_and_left_out_of_aggregates(archive: Archive) -> None:
    archive.feed([record(0, b'{"CurrentPriceUpdate":[null,"2026-04-10T08:00:00.000000000+00:00"]}')])
    archive.feed([record(1, (ORDER % ("null", 1, "R")).encode())])

    assert archive.rows("SELECT price, anomaly FROM btc_usd_price") == [(None, "NULL_NUMBER")]
    assert archive.rows("SELECT entryprice, anomaly FROM trader_order") == [(None, "NULL_NUMBER")]
    assert archive.one("SELECT count(*) FROM candle") == 0
    assert archive.one("SELECT count(*) FROM trade") == 0


def test_a_pool_s_number_written_as_null_is_marked_in_both_tables(archive: Archive, shared_dir: Path) -> None:
    event = json.loads((shared_dir / "spec" / "examples" / "event.PoolUpdate.AddFundingData.json").read_text())
    command, pool, _ = event["PoolUpdate"]
    command["AddFundingData"][-1] = pool["total_locked_value"] = None
    archive.feed([record(0, json.dumps(event).encode())])

    assert archive.dead() == []
    assert archive.rows("SELECT payment, anomaly FROM lend_pool_command") == [(None, "NULL_NUMBER")]
    assert archive.rows("SELECT total_locked_value, anomaly FROM lend_pool") == [(None, "NULL_NUMBER")]


def test_control_characters_in_texts_are_stored_as_they_are(archive: Archive) -> None:
    text = 'tab\\t line\\n quote\\" backslash\\\\ \\\\n bell\\u0007 é ☃'
    archive.feed([record(0, f'{{"Stop":"{text}"}}'.encode()), record(1, b'{"Stop":"null"}'), record(2, b'{"Stop":""}')])

    found = [stop for (stop,) in archive.rows("SELECT text FROM stop_marker ORDER BY src_offset")]
    assert found == ['tab\t line\n quote" backslash\\ \\n bell\x07 é ☃', "null", ""]


def test_a_record_sent_twice_is_kept_raw_and_feeds_nothing(archive: Archive) -> None:
    tick = price(0, 65_000, "2026-04-10T08:00:00.000000000+00:00")
    archive.feed([tick, tick._replace(offset=1)])
    archive.restart()
    archive.feed([tick._replace(offset=2), record(3, tick.value)])

    assert archive.rows('SELECT "offset", event_type, first_offset FROM event_duplicate ORDER BY 1') == [
        (1, "CurrentPriceUpdate", 0),
        (2, "CurrentPriceUpdate", 0),
    ]
    assert archive.rows("SELECT src_offset FROM btc_usd_price ORDER BY 1") == [(0,), (3,)]
    assert archive.one("SELECT count(*) FROM event_log") == 4
    assert archive.one("SELECT price_samples FROM candles_1min") == 2


def test_two_equal_records_without_a_time_are_two_facts(archive: Archive) -> None:
    value = (
        b'{"PositionSizeLogDBUpdate":[{"AddPositionSize":["LONG",1.0]},{"total_short_positionsize":0.0,'
        b'"total_long_positionsize":1.0,"totalpositionsize":1.0}]}'
    )
    archive.feed([record(0, value, b"AddPositionSize"), record(1, value, b"AddPositionSize")])

    assert archive.one("SELECT count(*) FROM event_duplicate") == 0
    assert archive.one("SELECT count(*) FROM position_size_log") == 2


ANSWER = (
    '{"TxHash":{"order_id":"9596497a-15b0-483e-9f41-2bc22685adb4","account_id":"a","tx_hash":"t","order_type":"MARKET","order_status":"FILLED",'
    '"datetime":"%s","output":null,"request_id":"REQ","reason":null,"old_price":null,"new_price":null}}'
)


@pytest.mark.parametrize("time", ["2299-01-01T00:00:00+00:00", "9999-12-31T23:59:60-23:59", "0001-01-01T00:00:00Z"])
def test_an_event_of_a_time_that_cannot_be_stored_is_dead_and_ingestion_goes_on(archive: Archive, time: str) -> None:
    archive.feed([price(0, 1.0, "2026-04-10T08:00:00+00:00"), price(1, 2.0, time)])
    archive.feed([record(2, b'{"Stop":"x"}'), price(3, 3.0, "2026-04-10T08:00:01+00:00")])

    assert archive.dead() == [(1, "WRONG_TYPE")]
    assert archive.rows("SELECT next_offset, newest_event_ns FROM ingest_offset") == [(4, 1_775_808_001_000_000_000)]
    assert archive.one('SELECT event_ts FROM event_log WHERE "offset" = 1') is None


@pytest.mark.parametrize("time", ["999999999999999999", "2299-01-01T00:00:00+00:00"])
def test_an_answer_keeps_the_text_of_a_time_that_cannot_be_stored(archive: Archive, time: str) -> None:
    archive.feed([price(0, 1.0, "2026-04-10T08:00:00+00:00"), record(1, (ANSWER % time).encode())])

    assert archive.dead() == []
    assert archive.rows("SELECT datetime, ts FROM transaction_hash") == [(time, None)]


def test_a_crash_between_the_halves_of_a_refused_batch_leaves_the_times_of_a_run_without(
    archives: MakeArchive,
) -> None:
    ticks = [price(0, 1.0, "2026-04-10T08:00:00+00:00"), price(1, 2.0, "2026-04-10T08:05:00+00:00")]
    refused = record(2, POISON["UNSTORABLE"])
    later = [record(3, b'{"RiskParamsUpdate":%s}' % RISK_PARAMS)]
    clean, crashed = archives(), archives()
    for archive in (clean, crashed):
        archive.refuse(REFUSED)
    clean.feed([*ticks, refused, *later])
    entries = crashed.reader.entries([*ticks, refused])
    crashed.connection.execute('ALTER TABLE event_log ADD CONSTRAINT crash CHECK ("offset" <> 2)')
    with pytest.raises(Unavailable):
        write_isolating(crashed.writer, entries, crashed.reader.newest_event_ns)
    crashed.connection.execute("ALTER TABLE event_log DROP CONSTRAINT crash")
    crashed.restart()
    assert crashed.writer.position in {1, 2}
    crashed.feed([*ticks, refused, *later][crashed.writer.position :])

    assert crashed.tables(["risk_params_update"]) == clean.tables(["risk_params_update"])
    assert crashed.one("SELECT newest_event_ns FROM ingest_offset") == clean.one(
        "SELECT newest_event_ns FROM ingest_offset"
    )


def test_a_resting_order_at_a_price_that_no_column_takes_stands_at_the_end_of_the_book(archive: Archive) -> None:
    resting = (ORDER % ("1e300", 1, "REQ")).replace('"order_status":"FILLED"', '"order_status":"PENDING"')
    archive.feed([record(0, resting.encode())])

    assert archive.dead() == []
    assert archive.one("SELECT price_cents FROM order_book_entry") == 2**63 - 1
