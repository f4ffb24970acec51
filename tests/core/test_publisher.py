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


def publication(value: bytes) -> Publication:
    batch = Batch()
    batch.add_beside(("events", b"key", value))
    batch.value_bytes = len(value)
    return Publication(batch, [])


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
