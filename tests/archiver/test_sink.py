"""A sink on a log of our own making: when it is ready, what it counts (storage specification 3.2)."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import psycopg
import pytest
from archiving import price, record
from prometheus_client import REGISTRY
from serving import wait_until

from twilight.archiver.record import CORE
from twilight.archiver.sink import Sink
from twilight.bus import Record
from twilight.ops.health import Check

pytestmark = pytest.mark.servers


class Log:
    """A log in memory, as a `LogReader` shows it."""

    def __init__(self, records: Sequence[Record], position: int | None) -> None:
        self._records = records
        self._position = position or 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start_offset(self) -> int:
        return self._records[0].offset

    def end_offset(self) -> int:
        return self._records[-1].offset + 1

    def position(self) -> int:
        return self._position

    def seek(self, offset: int) -> None:
        self._position = offset

    def commit(self, _offset: int) -> None:
        pass

    def read(self, count: int, wait_s: float) -> list[Record]:
        found = [record for record in self._records if record.offset >= self._position][:count]
        if found:
            self._position = found[-1].offset + 1
        else:
            time.sleep(wait_s)
        return found


class Running:
    """A sink in a thread of its own."""

    def __init__(self, url: str, records: Sequence[Record]) -> None:
        self.check = Check(CORE)
        opened: Any = lambda position: Log(records, position)  # noqa: E731 - as short as it gets
        self.sink = Sink(CORE, url, opened, self.check, batch_records_max=10, poll_timeout_s=0.05)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.sink.run, args=(self._stop,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)


def ticks(*offsets: int) -> list[Record]:
    return [price(offset, 100.0 + offset, f"2026-04-10T08:00:0{offset % 10}+00:00") for offset in offsets]


def test_a_record_refused_again_and_again_makes_the_archiver_not_ready_until_it_is_stored(
    databases: Callable[[], str],
) -> None:
    url = databases()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute('ALTER TABLE event_log ADD CONSTRAINT refused CHECK ("offset" <> 1)')
        with Running(url, ticks(0, 1, 2)) as running:
            wait_until(lambda: "even as a dead letter" in running.check.text())
            seen = {running.check.is_ok for _ in range(40) if not time.sleep(0.05)}
            assert seen == {False}
            connection.execute("ALTER TABLE event_log DROP CONSTRAINT refused")
            wait_until(lambda: running.check.is_ok)
        assert connection.execute("SELECT next_offset FROM ingest_offset").fetchone() == (3,)


def test_records_that_the_broker_deleted_are_counted_once_as_gaps(databases: Callable[[], str]) -> None:
    url = databases()
    with Running(url, ticks(0, 1)) as running:
        wait_until(lambda: running.sink.position == 2)
    before = REGISTRY.get_sample_value("offset_gap_total", {"stream": CORE}) or 0.0
    with Running(url, ticks(7, 8, 9)) as running:
        wait_until(lambda: running.sink.position == 10)

    assert REGISTRY.get_sample_value("offset_gap_total", {"stream": CORE}) == before + 5
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT records, gaps FROM ingest_offset").fetchone() == (5, 5)


def test_the_metrics_tell_what_was_stored(databases: Callable[[], str]) -> None:
    tick = price(0, 100.0, "2026-04-10T08:00:00+00:00")
    records = [tick, tick._replace(offset=1), record(2, b"noise"), price(5, 101.0, "2026-04-10T08:00:01+00:00")]
    names = ("archiver_records", "archiver_dead_letters", "archiver_duplicates", "offset_gap")
    before = {name: counted(name) for name in names}

    with Running(databases(), records) as running:
        wait_until(lambda: running.sink.position == 6)

    assert [counted(name) - before[name] for name in names] == [4, 1, 1, 2]


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(f"{name}_total", {"stream": CORE}) or 0.0
