"""`make chaos KILLS=200`: an active core and a standby, either killed at random moments under load, frozen, starved."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.chaos.conftest import RunExchange
from tests.chaos.exchange import Exchange, Say
from tests.chaos.servers import full, small_disk
from tests.core.processes import until

TAKEOVER_S_MAX = 10
KILLS_A_GROUP = 50
FROZEN_S = 30

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.mark.timeout(5_400)
def test_kills_of_active_and_standby_lose_nothing_and_double_nothing(
    run_exchange: RunExchange, kills: int, say: Say, tell: Callable[[str], None]
) -> None:
    chance = random.Random(kills)
    takeovers_s: list[float] = []
    with run_exchange() as exchange:
        for survived in range(1, kills + 1):
            exchange.leader()
            time.sleep(chance.uniform(0.05, 1.0))
            if survived % 4 == 0:
                takeovers_s.append(takeover_s(exchange))
            else:
                chance.choice(exchange.cores).kill()
            say(f"{survived} of {kills} kills")
            if survived % KILLS_A_GROUP == 0 and survived < kills:
                exchange.audit()
    assert max(takeovers_s, default=0) <= TAKEOVER_S_MAX, takeovers_s
    tell(f"kills of cores survived: {kills} of {kills}; takeovers by the standby took {spread(takeovers_s)} s")


def takeover_s(exchange: Exchange) -> float:
    """Kill the active core for good and return after how many seconds the standby leads in its place."""
    active, standby = exchange.leader(), exchange.standby()
    active.kill(rest_s=TAKEOVER_S_MAX)
    died_s = time.monotonic()
    standby.until_role("leader")
    return time.monotonic() - died_s


def spread(times_s: list[float]) -> str:
    return f"{min(times_s):.1f} to {max(times_s):.1f} ({len(times_s)})" if times_s else "no"


@pytest.mark.timeout(600)
def test_a_core_that_was_frozen_finds_itself_replaced_and_ends(
    run_exchange: RunExchange, tell: Callable[[str], None]
) -> None:
    with run_exchange() as exchange:
        active, standby = exchange.leader(), exchange.standby()
        active.freeze()
        froze_s = time.monotonic()
        standby.until_role("leader")
        took_s = time.monotonic() - froze_s
        time.sleep(FROZEN_S - took_s)
        active.thaw()
        until(lambda: active.ends == 1, "the frozen core ends", 30)
        active.until_role("standby")
        assert active.last_end == 1
        assert standby.ready()["role"] == "leader"
    assert took_s <= TAKEOVER_S_MAX
    tell(f"a core that stood still for {FROZEN_S} s was replaced after {took_s:.1f} s, and ended when it woke")


@pytest.mark.timeout(600)
def test_a_full_disk_costs_snapshots_and_nothing_else(run_exchange: RunExchange, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", "1m") as disk,
        run_exchange(DATA_DIR=str(disk), SNAPSHOT_INTERVAL_S="1") as exchange,
    ):
        for _ in range(2):
            until_snapshot(exchange, "at offset")
            with full(disk):
                until_snapshot(exchange, "failed: [Errno 28] No space left on device")
                exchange.leader().kill()
                until_snapshot(exchange, "failed: [Errno 28] No space left on device")
            until_snapshot(exchange, "at offset")
            exchange.leader().kill()


def until_snapshot(exchange: Exchange, says: str) -> None:
    until(lambda: str(exchange.leader().ready().get("snapshot", "")).startswith(says), f"a snapshot says {says!r}", 60)
