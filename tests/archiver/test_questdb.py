"""QuestDB follows the log by itself: prices and trades, each once, however often it restarts (decisions S10)."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from archiving import Archive, price, record
from generated_orders import order_event
from prometheus_client import REGISTRY
from questing import Quest
from structlog.testing import capture_logs

from twilight.archiver.questdb.candles import sampled
from twilight.archiver.questdb.confirming import confirm
from twilight.archiver.questdb.line import line_of
from twilight.archiver.questdb.rows import Fresh, rows_of
from twilight.archiver.questdb.schema import ensure_tables
from twilight.archiver.questdb.writing import RowWriter
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE
from twilight.archiver.trades import OrderTrade
from twilight.bus import Record
from twilight.ops.errors import Corrupt

pytestmark = pytest.mark.servers
TRADES_OF_THE_REFERENCE = 199
TICKS_OF_THE_REFERENCE = 6_534

MakeQuest = Callable[..., Quest]


@pytest.fixture
def quests(kafka: str, topic: Callable[[str], str], questdb: SimpleNamespace) -> Iterator[MakeQuest]:
    made: list[Quest] = []

    def make(**options: str) -> Quest:
        made.append(Quest(kafka, topic("core"), questdb.http_url, **options))
        return made[-1]

    yield make
    for quest in made:
        quest.close()


@pytest.fixture
def quest(quests: MakeQuest) -> Quest:
    return quests()


def test_the_reference_log_becomes_prices_and_trades_that_agree_with_postgresql(
    quest: Quest, archive: Archive, reference_log: list[Record]
) -> None:
    quest.produce(reference_log)
    quest.run_until(lambda: quest.holds(TICKS_OF_THE_REFERENCE, TRADES_OF_THE_REFERENCE))
    archive.feed(reference_log)

    ours = quest.rows("SELECT order_id, kind, side, price, amount FROM {trades}")
    theirs = archive.rows(
        "SELECT order_uuid::text, trade_kind, qdb_side, price::float8, positionsize::float8 FROM trade"
    )
    assert sorted(map(tuple, ours)) == sorted(theirs)
    assert quest.rows("SELECT count(), sum(price) FROM {prices}") == [
        list(archive.rows("SELECT count(*), sum(price)::float8 FROM btc_usd_price")[0])
    ]


def test_candles_sampled_from_questdb_are_those_of_postgresql(
    quest: Quest, archive: Archive, reference_log: list[Record]
) -> None:
    quest.produce(reference_log)
    quest.run_until(lambda: quest.holds(TICKS_OF_THE_REFERENCE, TRADES_OF_THE_REFERENCE))
    archive.feed(reference_log)

    since, until = datetime(2026, 11, 25, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC)
    for resolution, length_s in (("1m", 60), ("1h", 3_600), ("1d", 86_400)):
        ours = sampled(quest.client, quest.tables, resolution, since, until)
        theirs = archive.rows(
            "SELECT start_time, open::float8, high::float8, low::float8, close::float8, price_samples, trades,"
            " sell_volume::float8, buy_volume::float8, btc_volume::float8, usd_volume::float8 FROM candle"
            " WHERE length_s = %s AND (NOT carried OR trades > 0) ORDER BY start_time",
            [length_s],
        )
        priced = [row for row in theirs if row[5]]
        found = [candle for candle in ours if candle.ticks]
        assert [(c.start, c.open, c.high, c.low, c.close, c.ticks, c.trades) for c in found] == [r[:7] for r in priced]
        for candle, row in zip(ours, theirs, strict=True):
            volumes = (candle.sell_volume, candle.buy_volume, candle.btc_volume, candle.usd_volume)
            assert volumes == pytest.approx(row[7:], rel=1e-12)


def test_candles_sampled_from_questdb_begin_with_the_first_tick_however_early_something_was_traded(
    quest: Quest, archive: Archive
) -> None:
    log = [
        record(0, order_event("aaaaaaaa", "FILLED", "LONG", time="2026-04-10T06:30:00+00:00")),
        record(1, order_event("bbbbbbbb", "FILLED", "LONG", time="2026-04-10T07:59:59+00:00")),
        record(2, order_event("cccccccc", "FILLED", "LONG", time="2026-04-10T08:00:01+00:00")),
        price(3, 50_000.0, "2026-04-10T08:00:30+00:00"),
        record(4, order_event("dddddddd", "FILLED", "LONG", time="2026-04-10T08:02:00+00:00")),
    ]
    quest.produce(log)
    quest.run_until(lambda: quest.holds(1, 4))
    archive.feed(log)

    day = datetime(2026, 4, 10, tzinfo=UTC)
    for resolution, length_s, trades in (("1m", 60, [1, 1]), ("1h", 3_600, [2]), ("1d", 86_400, [4])):
        ours = sampled(quest.client, quest.tables, resolution, day, day.replace(day=11))
        theirs = archive.rows(
            "SELECT start_time, trades FROM candle WHERE length_s = %s AND (NOT carried OR trades > 0) ORDER BY 1",
            [length_s],
        )
        assert [(candle.start, candle.trades) for candle in ours] == theirs
        assert [candle.trades for candle in ours] == trades


def test_a_log_read_again_from_the_beginning_adds_nothing(quest: Quest, reference_log: list[Record]) -> None:
    part = reference_log[:1_300]
    quest.produce(part)
    prices, trades = expected_rows(part)
    quest.run_until(lambda: quest.holds(prices, trades))
    again = Quest(quest.settings.broker, quest.settings.core_event_log, quest.settings.questdb_http_url)
    again.settings = quest.settings.model_copy(update={"questdb_kafka_group": "another"})
    again.tables = quest.tables
    quest.produce([price(1_300, 1.0, "2026-11-25T05:00:00+00:00")])
    again.run_until(lambda: quest.holds(prices + 1, trades))


def expected_rows(records: list[Record]) -> tuple[int, int]:
    renumbered = [record._replace(offset=n) for n, record in enumerate(records)]
    prices, trades = rows_of(Reader(CORE, Duplicates()).entries(renumbered), Fresh())
    return len(prices), len(trades)


def test_a_funding_update_after_a_restart_is_no_second_trade() -> None:
    filled = order_event("aaaaaaaa", "FILLED", "LONG", time="2026-01-01T10:00:00+00:00")
    later = order_event("aaaaaaaa", "FILLED", "LONG", time="2026-01-01T11:00:00+00:00")
    entries = Reader(CORE, Duplicates()).entries([record(5, filled), record(9, later)])
    fresh = Fresh({("aaaaaaaa-0000-4000-8000-000000000000", "OPEN"): 5})

    _, trades = rows_of(entries, fresh)
    assert [trade.offset for trade in trades] == [5]


def test_a_table_that_is_not_ours_is_refused(quest: Quest) -> None:
    quest.client.rows(f"CREATE TABLE '{quest.tables.trades}' (timestamp TIMESTAMP, x INT) TIMESTAMP(timestamp)")

    with pytest.raises(Corrupt, match="is not ours"):
        ensure_tables(quest.client, quest.tables)


def test_the_seed_s_readers_find_recentorders(quest: Quest) -> None:
    quest.produce([record(0, order_event("aaaaaaaa", "FILLED", "LONG", time="2026-01-01T10:00:00.000001+00:00"))])
    quest.run_until(lambda: quest.holds(0, 1))

    rows = quest.client.rows(f"SELECT side, price, amount, timestamp FROM '{quest.tables.recent_orders}'")  # noqa: S608
    assert rows == [[1, 50_000.0, 5e9, "2026-01-01T10:00:00.000001Z"]]


def test_rows_that_questdb_lost_are_found_by_the_hour_and_written_again(
    quest: Quest, archive: Archive, reference_log: list[Record]
) -> None:
    part = [record._replace(offset=n) for n, record in enumerate(reference_log[:1_300])]
    archive.feed(part)
    ensure_tables(quest.client, quest.tables)
    report = confirm(archive.connection, quest.client, quest.tables)

    prices, trades = expected_rows(part)
    assert (report.prices_repaired, report.trades_repaired) == (prices, trades)
    quest.run_until(lambda: quest.holds(prices, trades))
    assert confirm(archive.connection, quest.client, quest.tables).is_equal


def test_of_a_refused_batch_only_the_bad_row_is_left_out_logged_and_counted(quest: Quest) -> None:
    ensure_tables(quest.client, quest.tables)
    writer = RowWriter(quest.client, quest.tables)
    rows: list[Any] = [(at_ns(second), 50_000.0 + second, second) for second in range(9)]
    rows[5] = (at_ns(5), "not a price", 5)

    with capture_logs() as logged:
        writer.write(rows, [])
    writer.close()
    quest.run_until(lambda: quest.count(quest.tables.prices) == 8)

    assert [seq for (seq,) in quest.rows("SELECT seq FROM {prices} ORDER BY seq")] == [0, 1, 2, 3, 4, 6, 7, 8]
    (refusal,) = [line for line in logged if line["log_level"] == "error"]
    assert "not a price" in refusal["row"]
    labels = {"table": quest.tables.prices}
    assert REGISTRY.get_sample_value("archiver_questdb_refused_rows_total", labels) == 1


def at_ns(second: int) -> int:
    return (1_767_261_900 + second) * 1_000_000_000


@pytest.mark.parametrize("time", ["1969-12-31T23:59:59+00:00", "1700-01-01T00:00:00+00:00"])
def test_a_tick_of_a_time_that_questdb_cannot_hold_is_left_out_and_the_others_are_written(
    quest: Quest, time: str
) -> None:
    ticks = [
        price(0, 1.0, "2026-04-10T08:00:00+00:00"),
        price(1, 2.0, time),
        price(2, 3.0, "2026-04-10T08:00:02+00:00"),
    ]
    quest.produce(ticks)

    quest.run_until(lambda: quest.holds(2, 0) and quest.check.is_ok)

    refused = {"table": quest.tables.prices}
    assert REGISTRY.get_sample_value("archiver_questdb_refused_rows_total", refused) == 1


def test_whatever_fails_in_questdb_s_sink_is_told_and_tried_again(
    quest: Quest, monkeypatch: pytest.MonkeyPatch
) -> None:
    quest.produce([price(0, 1.0, "2026-04-10T08:00:00+00:00")])
    told: list[str] = []
    write = RowWriter.write

    def fail_twice(self: RowWriter, prices: Any, trades: Any) -> None:
        told.append(quest.check.text())
        if len(told) < 3:
            raise ZeroDivisionError("no one foresaw this")
        write(self, prices, trades)

    monkeypatch.setattr(RowWriter, "write", fail_twice)
    quest.run_until(lambda: quest.holds(1, 0) and quest.check.is_ok)

    assert told[1:3] == ["error: ZeroDivisionError: no one foresaw this"] * 2


def test_a_comparison_that_begins_inside_an_hour_finds_no_row_too_many(quest: Quest, archive: Archive) -> None:
    ticks = [price(n, 100.0 + n, f"2026-04-10T08:00:0{n}.200000000+00:00") for n in range(3)]
    quest.produce(ticks)
    quest.run_until(lambda: quest.holds(3, 0))
    archive.feed(ticks)

    report = confirm(
        archive.connection, quest.client, quest.tables, datetime(2026, 4, 10, 8, 0, 1, 500_000, tzinfo=UTC)
    )
    assert report.is_equal
    assert report.hours == 1


TRADE = OrderTrade("u", "a", "OPEN", "LONG", 42508.71, 4250871.0, 1767261900123456789, 7, 42508.71)


def test_the_line_is_the_seed_s_own() -> None:
    assert line_of("recentorders", TRADE) == b"recentorders side=1i,price=42508.71,amount=4250871 1767261900123456789\n"


class DroppingServer:
    """A line port that hangs up in the middle of lines, and remembers the whole ones."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.lines: set[bytes] = set()
        self.dropped = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._take(connection, limit=1_000 if self.dropped < 5 else 10_000_000)

    def _take(self, connection: socket.socket, limit: int) -> None:
        taken = b""
        while len(taken) < limit and (piece := connection.recv(min(4_096, limit - len(taken)))):
            taken += piece
            self.lines.update(line for line in taken.split(b"\n")[:-1])
        self.dropped += 1


def test_a_line_port_that_hangs_up_mid_line_has_every_trade_in_the_end(
    quests: MakeQuest, reference_log: list[Record]
) -> None:
    server = DroppingServer()
    quest = quests(questdb_influx_url=server.address)
    quest.produce(reference_log)
    renumbered = [record._replace(offset=n) for n, record in enumerate(reference_log)]
    _, trades = rows_of(Reader(CORE, Duplicates()).entries(renumbered), Fresh())
    table = quest.tables.recent_orders
    expected: set[Any] = {(line_of(table, trade) or b"").rstrip() for trade in trades}

    quest.run_until(lambda: expected <= server.lines, within_s=120)
    server.close()
    assert server.lines == expected
    quest.client.rows(f"DROP TABLE '{table}'")
