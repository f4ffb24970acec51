"""QuestDB is killed and its tables are suspended under load: its sink alone waits, and nothing is missing later."""

import random
import signal
import time
from collections.abc import Callable

import pytest
from tests.chaos.conftest import RunExchange
from tests.chaos.exchange import Exchange, Say
from tests.chaos.servers import end_by
from tests.core.processes import until

from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.schema import Tables, is_applied

pytestmark = [pytest.mark.servers, pytest.mark.slow]

PATIENCE_S = 300  # a sink that starts anew reads the last 100,000 records first; on a busy machine that takes its time


@pytest.mark.timeout(1_800)
def test_kills_of_questdb_hold_nobody_but_its_own_sink(
    run_exchange: RunExchange, kills: int, say: Say, tell: Callable[[str], None]
) -> None:
    chance, restarts = random.Random(kills), max(2, kills // 20)
    with run_exchange() as exchange:
        exchange.active_archiver()
        for survived in range(1, restarts + 1):
            time.sleep(chance.uniform(0.5, 5.0))
            end_by(exchange.servers.questdb, signal.SIGKILL)
            exchange.until_archived()
            exchange.servers.questdb.start()
            say(f"{survived} of {restarts} kills of QuestDB")
    tell(f"kills of QuestDB survived: {restarts} of {restarts}")


@pytest.mark.timeout(1_200)
def test_suspended_tables_are_resumed(run_exchange: RunExchange, say: Say) -> None:
    with run_exchange() as exchange:
        client, tables = QuestDBClient(exchange.servers.questdb.http_url), Tables(exchange.database + "_")
        exchange.active_archiver()
        both = (tables.prices, tables.trades)
        until(lambda: all(has_rows(client, table) for table in both), "ticks and trades are written", PATIENCE_S)
        for table in both:
            client.rows(f"ALTER TABLE '{table}' SUSPEND WAL WITH 'DISK FULL', 'told to by a test'")
            until(lambda table=table: was_resumed(exchange, table), f"{table} is resumed", PATIENCE_S)  # type: ignore[misc]
            assert not is_suspended(client, table)
            say(f"{table} was suspended and is written again")
        client.close()


def has_rows(client: QuestDBClient, table: str) -> bool:
    """Return whether the sink is past its start: nobody looks after a table that is only made."""
    return is_applied(client, table) and client.rows(f"SELECT count() FROM '{table}'")[0][0] > 0  # noqa: S608 - ours


def was_resumed(exchange: Exchange, table: str) -> bool:
    return any(f"QuestDB had suspended {table}: resumed" in archiver.log.read_text() for archiver in exchange.archivers)


def is_suspended(client: QuestDBClient, table: str) -> bool:
    return bool(client.rows(f"SELECT name FROM wal_tables() WHERE suspended AND name = '{table}'"))  # noqa: S608 - ours
