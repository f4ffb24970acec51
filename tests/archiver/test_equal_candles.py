"""PostgreSQL, QuestDB and a fold of the log hold the same candles (decisions S11)."""

import random
from collections import defaultdict, deque
from datetime import UTC, datetime
from itertools import groupby

import pytest
from archiving import BROKER_MS, ZONES, Archive, price, record
from expected import Expected
from generated_orders import order_event

from conftest import MakeArchive
from twilight.archiver.postgres import tables
from twilight.archiver.postgres.copying import copy_rows
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE
from twilight.archiver.upkeep.recounting import recount_candles
from twilight.bus import Record
from twilight.domain.candles import NS_PER_S

pytestmark = pytest.mark.servers


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> str:
    """Return the time zone of the server: everything here is run in both."""
    return str(request.param)


def filled(offset: int, order: str, time: str) -> Record:
    return record(offset, order_event(order * 8, "FILLED", "LONG", time=time))


def demand_equal(archive: Archive, log: list[Record]) -> None:
    """Compare trades and candles with the fold of the whole log, as `twilight audit` does."""
    expected = Expected()
    expected.take(Reader(CORE, Duplicates()).entries(log))
    for table in (tables.CANDLE, tables.TRADE):
        archive.connection.execute(f"CREATE TEMP TABLE expected AS SELECT * FROM {table.name} WITH NO DATA".encode())  # noqa: S608
        copy_rows(archive.connection, "expected", table.columns, expected.rows(table))
        ours, theirs = (set(archive.rows(f"SELECT e::text FROM {name} e")) for name in (table.name, "expected"))  # noqa: S608
        archive.connection.execute("DROP TABLE expected")
        assert ours == theirs


LATE_TICKS = [
    price(0, 100.0, "2026-04-10T08:01:00+00:00"),
    price(1, 99.0, "2026-04-10T08:00:59+00:00"),
    price(2, 98.0, "2026-04-10T10:02:00+00:00"),
    price(3, 97.0, "2026-04-10T08:00:30+00:00"),
    price(4, 96.0, "2026-04-09T08:00:30+00:00"),
    price(5, 95.0, "2026-04-10T10:04:00+00:00"),
]
TRADES_FIRST = [
    filled(0, "a", "2026-04-10T07:58:01+00:00"),
    filled(1, "b", "2026-04-10T08:00:01+00:00"),
    filled(2, "c", "2026-04-10T08:02:01+00:00"),
    price(3, 50_000.0, "2026-04-10T08:00:30+00:00"),
    price(4, 50_001.0, "2026-04-10T08:02:30+00:00"),
    filled(5, "d", "2026-04-10T07:59:59+00:00"),
    filled(6, "e", "2026-04-10T08:00:59+00:00"),
]


LATE_BEFORE_EMPTY_ONES = [
    price(0, 100.0, "2026-04-10T08:00:00+00:00"),
    filled(1, "a", "2026-04-10T09:10:00+00:00"),
    price(2, 101.0, "2026-04-10T08:00:30+00:00"),
    filled(3, "b", "2026-04-10T09:11:00+00:00"),
    filled(4, "c", "2026-04-10T09:10:30+00:00"),
]
LOGS = {
    "late ticks": LATE_TICKS,
    "trades before the first tick": TRADES_FIRST,
    "a tick later than remembered, before intervals that carry its price": LATE_BEFORE_EMPTY_ONES,
}


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_the_tables_hold_the_candles_of_the_fold_whole_in_single_batches_and_restarted_after_each_record(
    archives: MakeArchive, log: list[Record]
) -> None:
    whole, one_by_one, restarted = archives(), archives(), archives()
    whole.feed(log)
    one_by_one.feed(log, 1)
    for one in log:
        restarted.feed([one])
        restarted.restart()

    for archive in (whole, one_by_one, restarted):
        demand_equal(archive, log)


def test_trades_before_the_first_tick_are_counted_from_its_minute_on(archive: Archive) -> None:
    archive.feed(TRADES_FIRST)

    minutes = archive.rows("SELECT start_time, trades, carried FROM candle WHERE length_s = 60 ORDER BY 1")
    assert minutes == [
        (datetime(2026, 4, 10, 8, 0, tzinfo=UTC), 2, False),
        (datetime(2026, 4, 10, 8, 1, tzinfo=UTC), 0, True),
        (datetime(2026, 4, 10, 8, 2, tzinfo=UTC), 1, False),
    ]
    assert archive.one("SELECT count(*) FROM trade") == 5


def test_an_event_of_a_time_to_come_is_kept_and_spoils_no_candle(archives: MakeArchive) -> None:
    log = [
        price(0, 100.0, "2026-12-31T23:58:00+00:00"),
        price(1, 999.0, "2031-01-01T00:00:00+00:00"),
        filled(2, "a", "2031-01-01T00:00:01+00:00"),
        price(3, 101.0, "2026-12-31T23:59:00+00:00"),
        price(4, 102.0, "2027-01-01T00:00:30+00:00"),
    ]
    clean, archive = archives(), archives()
    clean.feed([log[0], *log[3:]])
    archive.feed(log)

    prices = "SELECT start_time, open, high, low, close, final FROM candle ORDER BY length_s, start_time"
    assert archive.rows(prices) == clean.rows(prices)
    assert archive.rows("SELECT ts, anomaly FROM btc_usd_price WHERE src_offset = 1") == [
        (datetime(2031, 1, 1, tzinfo=UTC), "TIME_AHEAD")
    ]
    assert archive.rows("SELECT ts_ns FROM trade") == [(BROKER_MS * 1_000_000,)]
    demand_equal(archive, log)


def shuffled_and_sent_again(log: list[Record], dice: random.Random) -> list[Record]:
    """Return the log with the events of each second in another order, and some records twice.

    Those of one order stay in theirs: of two states the one of the higher offset counts (decisions S2).
    """
    mixed: list[Record] = []
    entries = zip(Reader(CORE, Duplicates()).entries(log), log, strict=True)
    for _, second in groupby(entries, key=lambda pair: (pair[0].event_ts_ns or 0) // NS_PER_S):
        queues: dict[str, deque[Record]] = defaultdict(deque)
        for entry, found in second:
            order = getattr(entry.event, "order", None)
            queues[str(found.offset) if order is None else order.uuid].append(found)
        turns = [name for name, queue in queues.items() for _ in queue]
        dice.shuffle(turns)
        for name in turns:
            mixed.append(queues[name].popleft())
            if dice.random() < 0.1:
                mixed.append(dice.choice(mixed[-50:]))
    return [found._replace(offset=offset) for offset, found in enumerate(mixed)]


PRICES = "length_s, start_time, open, high, low, close, open_ts_ns, close_ts_ns, price_samples, carried, final"
WITHOUT_OFFSETS = {
    "candles": f"SELECT {PRICES}, trades, usd_volume, btc_volume, buy_volume, sell_volume FROM candle ORDER BY 1, 2",  # noqa: S608
    "trades": "SELECT order_uuid, trade_kind, account_id, side, qdb_side, price, positionsize, ts_ns, btc_volume"
    " FROM trade ORDER BY 1, 2",
    "summaries": "SELECT day, account_id, order_status, count(*), sum(positionsize) FROM ("
    "SELECT DISTINCT ON (uuid, day) account_id, order_status, positionsize, day"
    " FROM trader_order, LATERAL (SELECT ts::date AS day) AS of ORDER BY uuid, day, src_offset DESC) AS newest"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "orders": "SELECT uuid, order_status, available_margin, ts_ns FROM trader_order_current ORDER BY 1",
}


def test_shuffled_within_a_second_sent_again_and_cut_into_any_batches_candles_trades_and_summaries_are_the_same(
    archives: MakeArchive, reference_log: list[Record]
) -> None:
    dice = random.Random(5)
    log = reference_log[:1_500]
    again = shuffled_and_sent_again(log, dice)
    ordered, other = archives(), archives()
    ordered.feed(log)
    at = 0
    while at < len(again):
        size = dice.randrange(1, 120)
        other.feed(again[at : at + size], 50)
        at += size
        if dice.random() < 0.2:
            other.restart()

    assert other.one("SELECT count(*) FROM event_duplicate") > 50
    for name, query in WITHOUT_OFFSETS.items():
        found = ordered.rows(query)
        assert len(found) > 5, name
        assert other.rows(query) == found, name


def test_candles_counted_anew_are_those_that_were_there(archive: Archive, reference_log: list[Record]) -> None:
    archive.feed(reference_log[:2_500])
    day = archive.one("SELECT min(start_time) FROM candle WHERE length_s = 60").date()
    before = archive.tables(["candle"])
    archive.connection.execute("UPDATE candle SET high = 1e9, trades = 77, usd_volume = 5 WHERE final")

    counted = recount_candles(archive.url, day, day)

    after = archive.tables(["candle"])["candle"]
    assert [row for row in after if row not in before["candle"]] == []
    assert len(after) == len(before["candle"])
    assert counted == archive.one("SELECT count(*) FROM candle WHERE final AND start_time::date = %s", (day,)) > 0
    archive.restart()
    archive.feed(reference_log[2_500:2_600])
    demand_equal(archive, reference_log[:2_600])
