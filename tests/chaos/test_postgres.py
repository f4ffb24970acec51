"""PostgreSQL is restarted, killed, locked and starved under load: the archiver waits for it and misses nothing."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.chaos.conftest import RunExchange
from tests.chaos.exchange import Exchange, Say, running_exchange, with_postgres
from tests.chaos.servers import Servers, end_by, full, new_postgres, small_disk
from tests.core.processes import until

from twilight.local.servers import Postgres
from twilight.ops.errors import Unavailable

HOW = {
    "fast shutdown": signal.SIGINT,
    "immediate shutdown": signal.SIGQUIT,
    "kill -9 of the postmaster": signal.SIGKILL,
}
LOCKED_S = 60

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.mark.timeout(1_800)
def test_restarts_of_postgres_of_every_kind_lose_no_row_and_double_none(
    run_exchange: RunExchange, kills: int, say: Say, tell: Callable[[str], None]
) -> None:
    chance, rounds = random.Random(kills), max(1, kills // 20)
    with run_exchange() as exchange:
        exchange.active_archiver()
        for number in range(1, rounds + 1):
            for how, with_signal in HOW.items():
                time.sleep(chance.uniform(0.2, 3.0))
                end_by(exchange.servers.postgres, with_signal)
                time.sleep(chance.uniform(0.0, 2.0))
                exchange.servers.postgres.start()
                say(f"{number} of {rounds}: {how}")
        exchange.until_archived()
    tell(f"restarts of PostgreSQL survived: {rounds} of {rounds} each by {', '.join(HOW)}")


@pytest.mark.timeout(1_800)
def test_sessions_ended_again_and_again_lose_no_row_and_double_none(
    run_exchange: RunExchange, kills: int, say: Say, tell: Callable[[str], None]
) -> None:
    chance, times, sessions = random.Random(kills), 0, 0
    with run_exchange() as exchange:
        exchange.active_archiver()
        while times < kills:
            time.sleep(chance.uniform(0.05, 0.5))
            if ended := end_sessions(exchange):
                times, sessions = times + 1, sessions + ended
                say(f"{times} of {kills} times sessions ended by pg_terminate_backend")
        exchange.until_archived()
    tell(f"pg_terminate_backend survived: {times} times, {sessions} sessions of archivers")


def end_sessions(exchange: Exchange) -> int:
    """End all sessions of the archivers; return how many there were."""
    with psycopg.connect(exchange.environment["DATABASE_URL"], autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'twilight-archiver' AND datname = current_database()"
        )
        return ended.rowcount


@pytest.mark.timeout(600)
def test_a_table_locked_for_a_minute_makes_the_archiver_wait(run_exchange: RunExchange, say: Say) -> None:
    with run_exchange() as exchange:
        exchange.active_archiver()
        exchange.until_archived()
        with psycopg.connect(exchange.environment["DATABASE_URL"]) as connection:
            connection.execute("LOCK TABLE event_log IN ACCESS EXCLUSIVE MODE")
            before = exchange.stored_until()
            time.sleep(LOCKED_S)
            assert exchange.stored_until() == before
        exchange.until_archived()
        say(f"{exchange.stored_until() - before} offsets had waited for the lock")


@pytest.mark.timeout(900)
def test_a_full_disk_of_postgres_makes_the_archiver_wait_until_there_is_space(
    servers: Servers, tmp_path: Path, say: Say
) -> None:
    with small_disk(tmp_path / "disk", "512m") as disk:
        postgres = new_postgres(disk / "postgres")
        postgres.start()
        try:
            with running_exchange(with_postgres(servers, postgres), tmp_path / "exchange", say) as exchange:
                exchange.until_archived()
                with full(disk):
                    until(lambda: waits(exchange), "the archiver waits for space", 120)
                    say(f"the disk is full; PostgreSQL {'lives' if postgres.is_running() else 'has ended'}")
                keep_running(postgres, say)
                exchange.until_archived()
                with full(disk):
                    until(lambda: waits(exchange), "the archiver waits for space", 120)
                    end_by(postgres, signal.SIGKILL)
                    keep_running(postgres, say)
                keep_running(postgres, say)
                exchange.until_archived()
        finally:
            postgres.stop()


def waits(exchange: Exchange) -> bool:
    """Return whether no archiver stores events, and one says why."""
    told = [a.ready().get("checks", {}).get("core", "") for a in exchange.archivers]
    return any(text.startswith("error: ") for text in told)


def keep_running(postgres: Postgres, say: Say) -> None:
    """Start PostgreSQL where it has ended, once: its supervisor does that again and again."""
    if postgres.is_running():
        return
    try:
        postgres.start()
        say("PostgreSQL was started again")
    except (Unavailable, OSError) as refusal:
        postgres.stop()
        say(f"PostgreSQL does not start: {refusal}")
