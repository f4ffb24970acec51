"""The reference log, through the real archiver into the tables, out through the API."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from books import Books
from test_server import Exchange, running

from twilight.bus.producer import Producer
from twilight.bus.topics import TopicSpec, ensure
from twilight.wire.records import RecordedRecord, read_records

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def log(shared_dir: Path) -> list[RecordedRecord]:
    return list(read_records(shared_dir / "data" / "reference-log" / "CoreEventLogTopic.jsonl.gz"))


@pytest.fixture
def exchange(
    kafka: str, topic: Callable[[str], str], postgres: Callable[[], str], log: list[RecordedRecord]
) -> Iterator[Exchange]:
    """Archive the recorded log from a topic of its own."""
    names = [topic(name) for name in ("CoreEventLogTopic", "CLIENT-REQUEST", "CLIENT-FAILED-REQUEST", "State")]
    ensure(kafka, [TopicSpec(name) for name in names])
    producer = Producer(kafka)
    for record in log:
        producer.send(names[0], record.key, record.value or b"")
    producer.flush(60)
    url = postgres()
    variables = ("CORE_EVENT_LOG", "RPC_CLIENT_REQUEST", "RPC_CLIENT_FAILED_REQUEST", "RELAYER_STATE_QUEUE")
    environment = dict(zip(variables, names, strict=True)) | {"BROKER": kafka, "DATABASE_URL": url}
    archiver = subprocess.Popen([sys.executable, "-m", "twilight", "archiver", "run"], env=os.environ | environment)
    try:
        _wait_until_archived(url, len(log))
        books = Books(url)
        yield Exchange(kafka, books, *names[:3])
        books.close()
    finally:
        archiver.terminate()
        archiver.wait(30)


def _wait_until_archived(url: str, records: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                row = connection.execute("select next_offset from ingest_offset where stream = 'core'").fetchone()
        except psycopg.Error:
            row = None
        if row is not None and row[0] >= records:
            return
        time.sleep(0.5)
    raise AssertionError("the archiver did not come to the end of the log")


def test_the_api_answers_from_what_the_archiver_made_of_the_reference_log(
    exchange: Exchange, log: list[RecordedRecord]
) -> None:
    async def work() -> dict[str, Any]:
        asked: dict[str, Any] = {
            "btc_usd_price": None,
            "get_funding_rate": None,
            "get_fee_rate": None,
            "position_size": None,
            "lend_pool_info": None,
            "pool_share_value": None,
            "open_interest": None,
            "open_limit_orders": None,
            "get_market_stats": None,
            "market_info": None,
            "recent_trade_orders": None,
            "candle_data": {"interval": "ONE_MINUTE", "since": "2026-11-24T00:00:00Z", "limit": 5000, "offset": 0},
            "historical_price": {
                "from": "2026-11-24T00:00:00Z",
                "to": "2026-11-27T00:00:00Z",
                "limit": 5000,
                "offset": 0,
            },
        }
        async with running(exchange.settings()) as process:
            answers = {}
            for method, params in asked.items():
                answers[method] = (await process.ask("/api", method, params))["result"]
            return answers

    answers = asyncio.run(work())
    events = [json.loads(record.value or b"{}") for record in log if record.value]
    prices = [event["CurrentPriceUpdate"][0] for event in events if "CurrentPriceUpdate" in event]
    totals = [event["PositionSizeLogDBUpdate"][1] for event in events if "PositionSizeLogDBUpdate" in event]
    pools = [event["PoolUpdate"][1] for event in events if "PoolUpdate" in event]
    assert float(answers["btc_usd_price"]["price"]) == prices[-1]
    assert float(answers["position_size"]["total"]) == totals[-1]["totalpositionsize"]
    assert float(answers["lend_pool_info"]["total_locked_value"]) == pools[-1]["total_locked_value"]
    assert answers["pool_share_value"] == pytest.approx(pools[-1]["total_locked_value"] / pools[-1]["total_pool_share"])
    candles = answers["candle_data"]
    assert max(float(candle["high"]) for candle in candles) == max(prices)
    assert min(float(candle["low"]) for candle in candles) == min(prices)
    assert len(answers["historical_price"]) == min(5000, len(prices))
    assert Counter(type(answer).__name__ for answer in answers.values())["NoneType"] == 0


def test_every_request_of_the_reference_log_finds_its_records(exchange: Exchange, log: list[RecordedRecord]) -> None:
    events = [json.loads(record.value or b"{}") for record in log if record.value]
    records = [event["TxHash"] for event in events if "TxHash" in event]
    counted = Counter(record["request_id"] for record in records if record["request_id"])
    wanted = list(counted)[:40]

    async def work() -> list[list[Any]]:
        async with running(exchange.settings()) as process:
            return [
                (await process.ask("/api", "transaction_hashes", {"RequestId": {"id": key}}))["result"]
                for key in wanted
            ]

    for key, found in zip(wanted, asyncio.run(work()), strict=True):
        own = [row for row in found if row["request_id"] == key]
        assert len(own) >= counted[key]
        assert [row["id"] for row in found] == sorted(row["id"] for row in found)
