"""Writing beside the loop: what may wait for what."""

import threading
from collections.abc import Iterable, Sequence

import pytest

from twilight.bus import Aborted, Outgoing
from twilight.core.exchange import Batch
from twilight.core.publisher import IN_FLIGHT_MAX, Answer, BackgroundPublisher, Publication


class SlowWriter:
    """Writes nothing before it is let."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_write = threading.Event()
        self.written: list[bytes] = []

    def init(self, timeout_s: float | None = None) -> None: ...

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        self.begun.set()
        assert self.may_write.wait(30)
        self.written += [value for _, _, value in records]
        return {"events": len(self.written) - 1}


class FailingWriter(SlowWriter):
    """Writes nothing, ever."""

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        super().publish(records)
        raise Aborted("rolled back")


def publication(value: bytes, *, answers: Sequence[Answer] = ()) -> Publication:
    batch = Batch()
    batch.add_beside(("events", b"key", value))
    batch.value_bytes = len(value)
    return Publication(batch, answers)


def test_nothing_is_told_before_it_is_in_the_log() -> None:
    writer, told = SlowWriter(), list[bytes]()
    publisher = BackgroundPublisher(writer, "events", -1)
    publisher.submit(publication(b"event", answers=[lambda: told.extend(writer.written)]))
    assert writer.begun.wait(30)
    assert told == []
    writer.may_write.set()
    publisher.settle()
    assert told == [b"event"]


def test_a_transaction_that_failed_ends_everything_although_nothing_follows_it() -> None:
    writer, told = FailingWriter(), list[str]()
    publisher = BackgroundPublisher(writer, "events", -1)
    publisher.submit(publication(b"first", answers=[lambda: told.append("first")]))
    assert writer.begun.wait(30)
    publisher.check()
    publisher.submit(publication(b"second", answers=[lambda: told.append("second")]))
    writer.may_write.set()
    with pytest.raises(Aborted):
        publisher.settle()
    for does in (publisher.check, publisher.settle, lambda: publisher.submit(publication(b"third"))):
        with pytest.raises(Aborted):
            does()
    assert (told, writer.written, publisher.offset) == ([], [b"first"], -1)


def test_behind_a_batch_that_takes_long_the_loop_waits() -> None:
    writer = SlowWriter()
    publisher = BackgroundPublisher(writer, "events", -1)
    publisher.submit(publication(b"first"))
    assert writer.begun.wait(30)
    for _ in range(IN_FLIGHT_MAX):
        publisher.submit(publication(b"next"))
    one_more = threading.Thread(target=publisher.submit, args=(publication(b"last"),), daemon=True)
    one_more.start()
    one_more.join(0.05)
    assert one_more.is_alive()
    writer.may_write.set()
    one_more.join(30)
    publisher.settle()
    assert writer.written[-1] == b"last"
