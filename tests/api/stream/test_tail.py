import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from twilight.api.stream.fold import Folded
from twilight.api.stream.tail import Tail, TailHandlers
from twilight.bus.records import Record
from twilight.ops.errors import Unavailable

Read = list[Record] | Exception


class Log:
    """A log that gives its readings one after the other, then nothing."""

    def __init__(self, *readings: Read) -> None:
        self.readings = list(readings)
        self.opened_at: list[int] = []
        self.closed = 0
        self.end: int | Exception = 9
        self._position = 0

    def open(self, position: int) -> "Log":
        self.opened_at.append(position)
        return self

    def read(self, _max_records: int, _timeout_s: float) -> list[Record]:
        reading = self.readings.pop(0) if self.readings else []
        if isinstance(reading, Exception):
            raise reading
        if reading:
            self._position = reading[-1].offset + 1
        return reading

    def position(self) -> int:
        return self._position

    def end_offset(self) -> int:
        if isinstance(self.end, Exception):
            raise self.end
        return self.end

    def close(self) -> None:
        self.closed += 1


def record(offset: int) -> Record:
    value = b'{"CurrentPriceUpdate":[%d.0,"2026-04-10T08:00:00+00:00"]}' % (65_000 + offset)
    return Record("log", 0, offset, 0, b"insert_CurrentPrice", value)


class Heard:
    def __init__(self) -> None:
        self.folded: list[Folded] = []
        self.failures: list[str] = []

    def seqs(self) -> list[int]:
        return [message.seq for folded in self.folded for message in folded.messages]


def follow(log: Log, until: Callable[[Heard, Tail], Any]) -> Heard:
    heard = Heard()

    async def work() -> None:
        handlers = TailHandlers(heard.folded.append, lambda: None, heard.failures.append)
        tail = Tail(log.open, 3, handlers, retry_s=0.01)
        try:
            async with asyncio.timeout(10):
                while not until(heard, tail):  # noqa: ASYNC110 - the thread has no event
                    await asyncio.sleep(0.005)
        finally:
            await tail.stop()

    asyncio.run(work())
    return heard


def test_every_record_is_handed_over_once_and_in_order() -> None:
    log = Log([record(3), record(4)], [record(7)])
    heard = follow(log, lambda heard, _: len(heard.seqs()) == 3)
    assert (heard.seqs(), heard.folded[1].position, log.opened_at) == ([3, 4, 7], 8, [3])


def test_a_broker_that_is_away_is_waited_for_and_reading_goes_on_where_it_was() -> None:
    log = Log([record(3)], Unavailable("away"), [record(4)])
    heard = follow(log, lambda heard, _: len(heard.seqs()) == 2)
    assert (heard.seqs(), heard.failures, log.opened_at) == ([3, 4], ["away"], [3, 4])


def test_what_is_no_event_is_counted_and_passed_over() -> None:
    bad = Record("log", 0, 4, 0, b"key", b"\xff")
    heard = follow(Log([record(3), bad, record(5)]), lambda heard, _: bool(heard.seqs()))
    assert (heard.seqs(), heard.folded[0].unreadable) == ([3, 5], 1)


@pytest.mark.parametrize("moment", ["2026-04-10T23:59:60+00:00", "1775779200000000"])
def test_every_time_that_the_wire_knows_is_told_in_utc(moment: str) -> None:
    odd = Record("log", 0, 4, 0, b"insert_CurrentPrice", b'{"CurrentPriceUpdate":[65000.0,"%b"]}' % moment.encode())
    heard = follow(Log([odd]), lambda heard, _: bool(heard.seqs()))
    (message,) = heard.folded[0].messages
    assert message.result in {b'[65000.0,"2026-04-11T00:00:00Z"]', b'[65000.0,"2026-04-10T00:00:00Z"]'}


@pytest.mark.parametrize("moment", ["tomorrow", "2026-02-30T00:00:00Z", "999999999999999999"])
def test_a_time_that_is_none_costs_its_own_record_only(moment: str) -> None:
    odd = Record("log", 0, 4, 0, b"insert_CurrentPrice", b'{"CurrentPriceUpdate":[65000.0,"%b"]}' % moment.encode())
    heard = follow(Log([odd, record(5)]), lambda heard, _: bool(heard.seqs()))
    assert (heard.seqs(), heard.folded[0].unreadable) == ([5], 1)


def test_a_fault_of_ours_is_told_as_a_log_that_cannot_be_read() -> None:
    log = Log(RuntimeError("a bug"), [record(4)])
    heard = follow(log, lambda heard, _: bool(heard.seqs()))
    assert (heard.failures, heard.seqs()) == (["a bug"], [4])


def test_the_end_of_the_log_is_told_and_so_is_that_it_is_not_known() -> None:
    async def work() -> int:
        log = Log()
        tail = Tail(log.open, 0, TailHandlers(lambda _: None, lambda: None, lambda _: None))
        try:
            end = await tail.end_offset()
            log.end = Unavailable("away")
            with pytest.raises(Unavailable):
                await tail.end_offset()
        finally:
            await tail.stop()
        return end

    assert asyncio.run(work()) == 9


def test_stopping_closes_the_reader() -> None:
    log = Log([record(3)])
    follow(log, lambda heard, _: bool(heard.seqs()))
    assert log.closed == 1
