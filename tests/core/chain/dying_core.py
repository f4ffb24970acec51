"""`twilight core run`, killed with signal 9 at the point of its talk with the chain that the argument names."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence

from twilight.bus import Outgoing, TransactionalProducer
from twilight.cli import main
from twilight.core.chain import FakeChain
from twilight.domain.model.inflight import Intent

send, publish = FakeChain.send, TransactionalProducer.publish


def die() -> None:
    """End as `kill -9` ends a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def finishes_an_intent(records: Sequence[Outgoing]) -> bool:
    """Return whether the chain's answer to something stands in the batch."""
    return any(b'"intent":' in (key or b"") for _, key, _ in records)


def before_send() -> None:
    FakeChain.send = lambda _self, _intent: die()  # type: ignore[method-assign]


def after_send() -> None:
    def send_and_die(self: FakeChain, intent: Intent) -> None:
        send(self, intent)
        die()

    FakeChain.send = send_and_die  # type: ignore[method-assign]


def before_the_answer_is_in_the_log() -> None:
    def die_instead(self: TransactionalProducer, records: Iterable[Outgoing]) -> dict[str, int]:
        batch = list(records)
        if finishes_an_intent(batch):
            die()
        return publish(self, batch)

    TransactionalProducer.publish = die_instead  # type: ignore[method-assign]


def after_the_answer_is_in_the_log() -> None:
    def publish_and_die(self: TransactionalProducer, records: Iterable[Outgoing]) -> dict[str, int]:
        batch = list(records)
        offsets = publish(self, batch)
        if finishes_an_intent(batch):
            die()
        return offsets

    TransactionalProducer.publish = publish_and_die  # type: ignore[method-assign]


POINTS: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (before_send, after_send, before_the_answer_is_in_the_log, after_the_answer_is_in_the_log)
}

if __name__ == "__main__":
    POINTS[sys.argv[1]]()
    sys.argv = ["twilight", "core", "run"]
    main()
