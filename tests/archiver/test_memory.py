"""What is remembered between batches decides nothing: forgotten or not, the tables are the same (decisions S2, S3)."""

import pytest
from archiving import Archive, price, record
from generated_orders import order_event

from conftest import MakeArchive
from twilight.archiver.postgres import writer
from twilight.archiver.postgres.memory import KnownTrades
from twilight.archiver.questdb.rows import Fresh, Trades, rows_of
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE
from twilight.bus import Record

TICK = price(0, 50_000.0, "2026-01-01T10:00:00+00:00")


def filled(offset: int, order: str) -> Record:
    """Return a state of an order that is a trade if it is the first of its kind."""
    return record(offset, order_event(order * 8, "FILLED", "LONG", time=f"2026-01-01T10:00:{offset:02d}+00:00"))


def test_only_what_was_met_last_is_remembered() -> None:
    trades = KnownTrades()
    for uuid in "abc":
        trades.learn(uuid, frozenset({"OPEN"}))
    assert not trades.add("a", "OPEN")

    trades.forget_oldest(2)

    assert trades.unknown({"a", "b", "c"}) == {"b"}


@pytest.mark.servers
def test_a_trade_of_an_order_forgotten_meanwhile_is_counted_once(
    archives: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [TICK, *(filled(n + 1, order) for n, order in enumerate("abc"))]
    again = [filled(4, "d"), filled(5, "e"), filled(6, "a"), filled(7, "b")]
    roomy, narrow = archives(), archives()
    roomy.feed([*first, *again])
    monkeypatch.setattr(writer, "ORDERS_REMEMBERED", 1)
    for archive in (narrow,):
        archive.feed(first, 2)
        archive.feed(again)

    assert narrow.one("SELECT trades FROM candle WHERE length_s = 60") == 5
    assert narrow.tables(["trade", "candle"]) == roomy.tables(["trade", "candle"])


def test_questdb_s_sink_asks_the_table_of_trades_that_it_forgot() -> None:
    table: Trades = {}
    asked: list[set[tuple[str, str]]] = []

    def ask(unknown: set[tuple[str, str]]) -> Trades:
        asked.append(unknown)
        return {trade: seq for trade, seq in table.items() if trade in unknown}

    reader, fresh, offsets = Reader(CORE, Duplicates()), Fresh(limit=1), list[int]()
    for batch in ([filled(1, "a"), filled(2, "b")], [filled(3, "c")], [filled(4, "a"), filled(5, "b")]):
        _, trades = rows_of(reader.entries(batch), fresh, ask)
        table |= {(trade.order_uuid, trade.trade_kind): trade.offset for trade in trades}
        offsets += [trade.offset for trade in trades]

    assert offsets == [1, 2, 3]
    assert len(asked) == 2


def test_copies_are_found_alike_whether_reading_began_before_or_between_them() -> None:
    offsets = (0, 50_000, 130_000, 160_000)
    live = Duplicates()
    found = [live.first_offset(b"same", offset) for offset in offsets]
    restarted = Duplicates()
    restarted.first_offset(b"same", 50_000)

    assert found == [None, 0, 50_000, 130_000]
    assert [restarted.first_offset(b"same", offset) for offset in offsets[2:]] == found[2:]


@pytest.mark.servers
def test_a_copy_of_a_record_that_could_not_be_placed_is_a_copy_after_a_restart_too(archives: MakeArchive) -> None:
    unplaceable = record(0, b'{"FeeUpdate":[{"RpcCommandPoolupdate":[]},"2026-04-10T08:00:00+00:00"]}')
    timeless = record(1, b'{"SortedSetDBUpdate":{"RemoveLiquidationPrice":["%s","LONG"]}}' % (b"a" * 8 + UUID_REST))
    copies = [unplaceable._replace(offset=2), timeless._replace(offset=3)]
    running, restarted = archives(), archives()
    for archive in (running, restarted):
        archive.feed([unplaceable, timeless])
    restarted.restart()
    for archive in (running, restarted):
        archive.feed(copies)

    assert found(restarted) == found(running) == ([(2, 0)], [(0, "UNPLACEABLE")])


UUID_REST = b"-0000-4000-8000-000000000000"


def found(archive: Archive) -> tuple[list[tuple[int, int]], list[tuple[int, str]]]:
    """Return the duplicates and the dead letters."""
    return archive.rows('SELECT "offset", first_offset FROM event_duplicate ORDER BY 1'), archive.dead()
