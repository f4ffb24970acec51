"""Candles come from QuestDB and are those of PostgreSQL, which answers when QuestDB cannot (decisions S11)."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.archiver.serving import wait_until

from twilight.api.candles import candle_rows
from twilight.api.database import Database
from twilight.api.questdb import SAMPLES, QuestCandles
from twilight.api.results import Candle
from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.isolating import write_isolating
from twilight.archiver.postgres.migrate import migrate
from twilight.archiver.postgres.writer import Writer
from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.rows import Fresh, rows_of
from twilight.archiver.questdb.schema import Tables, ensure_tables, is_applied
from twilight.archiver.questdb.writing import RowWriter
from twilight.archiver.reading import Duplicates, Reader
from twilight.archiver.record import CORE, Entry
from twilight.bus import Record
from twilight.wire.records import read_records

pytestmark = pytest.mark.servers
SINCE = datetime(2026, 11, 25, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"
LATER = 10_000_000


@pytest.fixture
def entries(shared_dir: Path) -> list[Entry]:
    """Return the log of the real relayer."""
    path = shared_dir / "data" / "reference-log" / "CoreEventLogTopic.jsonl.gz"
    log = [Record(CORE, 0, n, r.ts, r.key, r.value) for n, r in enumerate(read_records(path))]
    return Reader(CORE, Duplicates()).entries(log)


@pytest.fixture
def archive(postgres: Callable[[], str], entries: list[Entry]) -> str:
    """Return the address of a PostgreSQL that holds the log."""
    url = postgres()
    with connect(url) as connection:
        migrate(connection)
        writer = Writer(connection, CORE)
        writer.open()
        write_isolating(writer, entries, None)
    return url


@pytest.fixture
def prefix(questdb: Any, entries: list[Entry]) -> Iterator[str]:
    """Return the prefix of the tables of a QuestDB that holds the log."""
    client, tables = QuestDBClient(questdb.http_url), Tables(f"t{uuid.uuid4().hex[:10]}_")
    ensure_tables(client, tables)
    writer = RowWriter(client, tables)
    writer.write(*rows_of(entries, Fresh()))
    writer.close()
    wait_until(lambda: is_applied(client, tables.prices) and is_applied(client, tables.trades), 60, "the rows")
    yield tables.prefix
    client.rows(f"DROP VIEW IF EXISTS '{tables.recent_orders}'")
    for table in (tables.prices, tables.trades):
        client.rows(f"DROP TABLE IF EXISTS '{table}'")
    client.close()


def asked(url: str, interval: str, quest_url: str | None, prefix: str = "", limit: int = 100) -> list[Candle]:
    """Return candles as a method gets them."""

    async def ask() -> list[Candle]:
        database = Database(url)
        quest = None if quest_url is None else QuestCandles(quest_url, prefix)
        await database.open()
        try:
            found, _ = await candle_rows(database, interval, SINCE, limit, 0, quest)
        finally:
            await database.close()
            if quest is not None:
                await quest.close()
        return found

    return asyncio.run(ask())


def exact(candle: Candle) -> tuple[object, ...]:
    """Return what both sources must say alike to the last digit."""
    prices = (float(figure) for figure in (candle.open, candle.high, candle.low, candle.close))
    return (candle.start, candle.end, candle.trades, *prices)


@pytest.mark.parametrize("interval", SAMPLES)
def test_questdb_s_candles_are_those_of_postgresql(archive: str, prefix: str, questdb: Any, interval: str) -> None:
    ours, theirs = asked(archive, interval, questdb.http_url, prefix), asked(archive, interval, None)

    assert theirs
    assert [exact(candle) for candle in ours] == [exact(candle) for candle in theirs]
    for found, expected in zip(ours, theirs, strict=True):
        volumes = [float(found.btc_volume), float(found.usd_volume)]
        assert volumes == pytest.approx([float(expected.btc_volume), float(expected.usd_volume)], rel=1e-12)


def test_a_page_begins_where_the_one_before_ended(archive: str, prefix: str, questdb: Any) -> None:
    assert len(asked(archive, "ONE_MINUTE", questdb.http_url, prefix, limit=7)) == 7


def test_postgresql_answers_while_questdb_is_away(archive: str) -> None:
    assert asked(archive, "ONE_HOUR", NOWHERE)


def test_postgresql_answers_while_questdb_is_behind(archive: str, prefix: str, questdb: Any) -> None:
    with connect(archive) as connection:
        connection.execute("UPDATE ingest_offset SET next_offset = %s", (LATER,))
        connection.execute("UPDATE candle SET high = 1000000000")

    assert {float(candle.high) for candle in asked(archive, "ONE_MINUTE", questdb.http_url, prefix)} == {1e9}
