"""The peer of P4 and P6, as a process: consume, and produce given bytes in transactions, by the core's batch rule.

It does everything that the core does with Kafka and nothing else: for each command it writes the very records that
the core has written for it.
"""

import pickle
import sys
import time
from pathlib import Path

from twilight.bus import LogReader, Outgoing, TransactionalProducer
from twilight.core.loop import IDLE_S
from twilight.core.publisher import BETWEEN_TRANSACTIONS_S

READY = "ready"


def main(brokers: str, source: str, target: str, batch_max: str, recorded: str) -> None:
    """Relay until every command has its records."""
    by_command: list[list[tuple[bytes, bytes]]] = pickle.loads(Path(recorded).read_bytes())  # noqa: S301 - our own file
    producer = TransactionalProducer(brokers, f"relay-{target}")
    producer.init()
    with LogReader(brokers, source, start=0) as reader:
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()
        done = 0
        while done < len(by_command):
            records = reader.read(int(batch_max), 0.0)
            if not records:
                time.sleep(IDLE_S)
                continue
            batch: list[Outgoing] = []
            for _ in records:
                batch += [(target, key, value) for key, value in by_command[done]]
                done += 1
            producer.publish(batch)
            time.sleep(BETWEEN_TRANSACTIONS_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
