"""Writing beside the loop: what may wait for what."""

import threading
from collections.abc import Iterable

from twilight.bus import Outgoing
from twilight.core.exchange import Batch
from twilight.core.publisher import IN_FLIGHT_MAX, BackgroundPublisher, Publication


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


def publication(value: bytes, *, charged: int = 0) -> Publication:
    batch = Batch(charged=charged)
    batch.add_beside(("events", b"key", value))
    batch.value_bytes = len(value)
    return Publication(batch, [])


def test_ticks_do_not_wait_for_the_events_of_a_charged_hour() -> None:
    writer = SlowWriter()
    publisher = BackgroundPublisher(writer, "events", -1)
    publisher.submit(publication(b"hour", charged=1_000_000))
    assert writer.begun.wait(30)
    assert not publisher.settles_soon
    ticks = [b"tick %d" % number for number in range(20 * IN_FLIGHT_MAX)]
    for tick in ticks:
        publisher.submit(publication(tick))
    writer.may_write.set()
    publisher.settle()
    assert writer.written == [b"hour", *ticks]
    assert publisher.settles_soon
    assert publisher.offset == len(ticks)


def test_behind_an_ordinary_batch_the_loop_waits() -> None:
    writer = SlowWriter()
    publisher = BackgroundPublisher(writer, "events", -1)
    publisher.submit(publication(b"first"))
    assert writer.begun.wait(30)
    for _ in range(IN_FLIGHT_MAX):
        publisher.submit(publication(b"next"))
    one_more = threading.Thread(target=publisher.submit, args=(publication(b"last"),), daemon=True)
    one_more.start()
    assert not publisher._has_room()
    assert one_more.is_alive()
    writer.may_write.set()
    one_more.join(30)
    publisher.settle()
    assert writer.written[-1] == b"last"
