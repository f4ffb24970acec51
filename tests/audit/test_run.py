"""The whole audit on the real Kafka and PostgreSQL: it is silent about a good day, and names what was tampered with."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.archiver.archiving import database_url, run_sql
from tests.audit.day import Day, archived_day
from tests.audit.story import command_record, in_an_open_hour, intent_of, log_records, open_order, queue_records

from twilight.audit.run import Parts, audit
from twilight.bus import Record

pytestmark = pytest.mark.servers

Make = Callable[..., Day]
RAW, TYPED, STATES, ENGINE = "PostgreSQL raw log", "PostgreSQL typed rows", "PostgreSQL states", "PostgreSQL = engine"


@pytest.fixture
def make(kafka: str, topic: Callable[[str], str], postgres: Callable[[], str]) -> Make:
    return lambda **given: archived_day(kafka, topic, postgres(), **given)


@pytest.fixture(scope="module")
def good_day(kafka: str, postgres_server: str) -> Iterator[Day]:
    """The story's day, archived once; `day` is a copy of it that a test may spoil."""
    name = f"audit_{uuid.uuid4().hex[:12]}"
    run_sql(postgres_server, "CREATE DATABASE {}", name)
    yield archived_day(kafka, lambda what: f"{what}-{name}", database_url(postgres_server, name))
    run_sql(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def day(good_day: Day, postgres_server: str) -> Iterator[Day]:
    name, original = f"audit_{uuid.uuid4().hex[:12]}", good_day.settings.database_url.rsplit("/", 1)[1]
    run_sql(postgres_server, "CREATE DATABASE {} TEMPLATE {}", name, original)
    settings = good_day.settings.model_copy(update={"database_url": database_url(postgres_server, name)})
    yield replace(good_day, settings=settings)
    run_sql(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


def test_a_good_day_passes(day: Day) -> None:
    assert day.faults() == {}


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM btc_usd_price WHERE price = 66500", {TYPED}),
        ("UPDATE trade SET price = price + 1 WHERE trade_kind = 'CLOSE'", {STATES}),
        ("UPDATE candle SET close = close + 1 WHERE length_s = 60", {"PostgreSQL candles"}),
        ("UPDATE event_log SET payload_raw = payload_raw || ' ' WHERE \"offset\" = 9", {RAW}),
        ('DELETE FROM event_log WHERE "offset" = 9', {RAW}),
        ("UPDATE event_log SET stream = 'other' WHERE stream = 'requests' AND \"offset\" = 2", {RAW}),
        ("DELETE FROM event_log WHERE stream = 'requests' AND \"offset\" = 2", {RAW}),
        ("UPDATE trader_order_current SET available_margin = 1 WHERE account_id = 'B'", {STATES, ENGINE}),
        ("UPDATE transaction_hash SET request_id_filled = NULL WHERE request_id_filled = 'REQID4'", {TYPED}),
        ("INSERT INTO event_duplicate VALUES ('core', 0, 5, 'TxHash', 1)", {RAW}),
        (
            "INSERT INTO dead_letter (stream, partition, \"offset\", reason, detail) VALUES ('core', 0, 5, 'X', 'x')",
            {RAW},
        ),
        (
            "INSERT INTO dead_letter (stream, partition, \"offset\", reason, detail) VALUES ('core', 0, 999, 'X', 'x')",
            {RAW},
        ),
        (
            "INSERT INTO order_book_entry VALUES (gen_random_uuid(), 'OPEN', 'bid', 6500000, 10, 3)",
            {STATES, ENGINE},
        ),
        (
            "INSERT INTO trigger_current VALUES (gen_random_uuid(), 'STOP_LOSS', 1, 'LONG', now(), 3)",
            {STATES, ENGINE},
        ),
        ("UPDATE lend_order_current SET deposit = deposit + 1 WHERE account_id = 'C'", {STATES, ENGINE}),
    ],
)
def test_a_table_that_was_tampered_with_is_named(day: Day, statement: str, named: set[str]) -> None:
    day.tamper(statement)

    assert set(day.faults()) == named


def test_inside_a_sliced_hour_an_order_is_compared_as_soon_as_its_record_is_there(make: Make) -> None:
    log, queue = in_an_open_hour()
    day = make(log=log, queue=queue)
    assert day.faults() == {}

    for account, named in (("F", {STATES}), ("E", {STATES, ENGINE})):
        day.tamper(f"UPDATE trader_order_current SET available_margin = 1 WHERE account_id = '{account}'")  # noqa: S608 - a test
        assert set(day.faults()) == named


def test_every_column_of_the_raw_log_is_compared_and_named(day: Day) -> None:
    changes = {
        "agg_id": "agg_id || 'x'",
        "event_type": "event_type || 'x'",
        "event_version": "event_version || 'x'",
        "key_metadata": '\'{"queue": "other"}\'',
        "broker_ts": "broker_ts + interval '1 second'",
        "event_ts": "now()",
        "key_raw": "key_raw || ' '",
        "payload_sha256": "sha256('x')",
    }
    for offset, (column, changed) in enumerate(changes.items(), 9):
        day.tamper(f"UPDATE event_log SET {column} = {changed} WHERE stream = 'core' AND \"offset\" = {offset}")  # noqa: S608 - a test

    expected = [f"event_log core 0 {offset}: differs in {column}" for offset, column in enumerate(changes, 9)]
    assert day.faults() == {RAW: expected}


PRICE_COLUMNS = "src_stream, src_partition, src_offset, ordinal, broker_ts, price, ts, ts_ns, anomaly"
EVENT_COLUMNS = """stream, partition, "offset", key_raw, agg_id, event_type, event_version, key_metadata, payload_raw,
    payload_sha256, broker_ts, event_ts"""


@pytest.mark.parametrize(
    ("table", "columns", "moved", "by", "named"),
    [
        ("btc_usd_price", PRICE_COLUMNS, "src_offset", "src_offset + 100000", TYPED),
        ("btc_usd_price", PRICE_COLUMNS, "src_stream", "'other'", TYPED),
        ("btc_usd_price", PRICE_COLUMNS, "src_partition", "1", TYPED),
        ("event_log", EVENT_COLUMNS, '"offset"', '"offset" + 100000', RAW),
        ("event_log", EVENT_COLUMNS, "partition", "1", RAW),
    ],
)
def test_rows_at_a_place_that_the_log_has_not_are_named(
    day: Day, table: str, columns: str, moved: str, by: str, named: str
) -> None:
    elsewhere = columns.replace(moved, by, 1)
    day.tamper(f"INSERT INTO {table} ({columns}) SELECT {elsewhere} FROM {table}")  # noqa: S608 - a test

    found = day.faults()

    assert list(found) == [named]
    assert found[named][0].startswith(table)
    assert "no event of the log stands behind it" in found[named][0]


def test_a_log_that_says_something_twice_to_the_byte_is_no_log_of_the_core(make: Make) -> None:
    log = log_records()
    twice = [*log, *(record for record in log if b'"TxHash"' in value(record)[:12] and b"REQID4" in value(record))]

    found = make(log=twice).faults()

    assert found == {
        "nothing said twice": ["offset 34: TxHash repeats offset 30 to the byte"],
        "answers of CLIENT-REQUEST": ["offset 3: ExecuteTraderOrder has the answers SETTLED, SETTLED"],
    }


ASKED = open_order("D", "LONG", "MARKET", 0.0, "REQID6")


def test_what_is_in_flight_with_the_chain_is_counted_and_no_fault(make: Make) -> None:
    day = make(queue=[*queue_records(), command_record(5, ASKED)], intents=[intent_of(5, ASKED)])

    found = {finding.name: finding for finding in audit(day.settings, day.parts)}

    assert all(finding.holds for finding in found.values())
    assert found["answers of CLIENT-REQUEST"].figures["in_flight"] == 1
    assert found["asked of the chain"].figures == {"in_flight": 1, "open": 1}


def test_a_command_of_which_there_is_no_intent_is_lost(make: Make) -> None:
    found = make(queue=[*queue_records(), command_record(5, ASKED)]).faults()

    assert found == {"answers of CLIENT-REQUEST": ["offset 5: not yet consumed"]}


@pytest.mark.parametrize("kind", ["PositionSizeLogDBUpdate", "RiskEngineUpdate"])
def test_an_announcement_of_totals_that_is_missing_from_the_log_is_seen(make: Make, kind: str) -> None:
    log = log_records()
    gone = next(record for record in log if kind.encode() in value(record)[:30] and b"Remove" in value(record))

    found = make(log=[record for record in log if record is not gone]).faults()

    assert list(found) == ["totals = orders"]
    assert " announce" in found["totals = orders"][0]


def test_a_projection_that_is_wrong_everywhere_is_refuted_by_the_engine(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    day.tamper("UPDATE trader_order_current SET available_margin = available_margin + 1 WHERE order_status = 'FILLED'")
    monkeypatch.setattr("twilight.audit.states.States.compare", lambda *_: {"candle": 0})

    assert list(day.faults()) == [ENGINE]


@pytest.mark.parametrize(("parts", "said"), [(Parts(), ["core", "QuestDB"]), (Parts(core=False), ["QuestDB"])])
def test_what_was_not_looked_at_is_a_fault_unless_it_was_left_out_in_so_many_words(
    day: Day, parts: Parts, said: list[str]
) -> None:
    assert list(replace(day, parts=parts).faults()) == said


def test_what_was_left_out_is_said(day: Day) -> None:
    lines = [finding.line() for finding in audit(day.settings, day.parts)]

    assert [line for line in lines if "not looked at=--without" in line] == lines[-2:]


def value(record: Record) -> bytes:
    return record.value or b""


def test_the_json_of_a_finding_has_its_figures_and_faults(day: Day) -> None:
    day.tamper("DELETE FROM btc_usd_price WHERE price = 66500")

    found = {finding.name: finding.as_dict() for finding in audit(day.settings, day.parts)}

    (fault,) = json.loads(json.dumps(found[TYPED]))["faults"]
    assert re.fullmatch(r"btc_usd_price core 0 \d+ 0: is missing", fault)
