"""The broker is restarted and killed under load, and with it everything that writes and reads the log."""

import random
import signal
import time
from collections.abc import Callable

import pytest
from tests.chaos.conftest import RunExchange
from tests.chaos.exchange import Say
from tests.chaos.servers import end_by
from tests.core.processes import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.mark.timeout(1_800)
def test_broker_restarts_graceful_and_not_lose_nothing_and_double_nothing(
    run_exchange: RunExchange, kills: int, say: Say, tell: Callable[[str], None]
) -> None:
    chance, restarts = random.Random(kills), max(2, kills // 20)
    with run_exchange() as exchange:
        kafka = exchange.servers.kafka
        for survived in range(1, restarts + 1):
            time.sleep(chance.uniform(0.5, 5.0))
            end_by(kafka, signal.SIGTERM if survived % 2 else signal.SIGKILL)
            time.sleep(chance.uniform(0.0, 3.0))
            kafka.start()
            before = exchange.leader().ready()["offset"]
            until(lambda before=before: exchange.leader().ready().get("offset", -1) > before, "the core goes on", 60)  # type: ignore[misc]
            say(f"{survived} of {restarts} restarts, by turns graceful and not")
    tell(f"restarts of the broker survived: {restarts} of {restarts}, every other one by kill -9")
