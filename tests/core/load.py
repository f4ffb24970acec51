"""Load on a core: traffic from a thread of its own, sent and learnt from while the servers come and go."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from tests.core.traffic import Traffic

from twilight.bus import LogReader, Producer, TopicSpec, ensure
from twilight.ops.errors import Unavailable

TURN_S = 0.05


@contextmanager
def load(environment: dict[str, str], per_s: float) -> Iterator[Traffic]:
    """Send traffic from a thread; when this ends all of it is acknowledged by Kafka."""
    names = (environment["RPC_CLIENT_REQUEST"], environment["CORE_EVENT_LOG"])
    ensure(environment["BROKER"], [TopicSpec(name) for name in names])
    traffic, done = Traffic(), threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
        sending = pool.submit(_send, environment, per_s, traffic, done)
        try:
            yield traffic
        finally:
            done.set()
        sending.result(120)


def _send(environment: dict[str, str], per_s: float, traffic: Traffic, done: threading.Event) -> None:
    brokers, topic = environment["BROKER"], environment["RPC_CLIENT_REQUEST"]
    producer, owed = Producer(brokers, delivery_timeout_ms=120_000), 0.0
    with LogReader(brokers, environment["CORE_EVENT_LOG"], start=0) as log:
        while not done.wait(TURN_S):
            owed += per_s * TURN_S
            for _ in range(int(owed)):
                producer.send(topic, b"key", traffic.next())
            owed %= 1
            with suppress(Unavailable):  # a broker that comes back may not know its topics yet
                for record in log.read(1_000, 0.0):
                    traffic.learn(record)
    producer.flush(120)
