"""`make chaos KILLS=200`: an active core and a standby, either killed at random moments under load."""

import os
import random
import time
from pathlib import Path

import pytest
from tests.core.processes import CoreProcess, running, until
from tests.core.test_kills import assert_nothing_lost_and_nothing_doubled, load

KILLS = int(os.environ.get("TWILIGHT_CHAOS_KILLS", "200"))

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(7_200)]


def leader_of(cores: list[CoreProcess]) -> CoreProcess:
    """Return the core that leads, as soon as one does."""
    return until(lambda: next((c for c in cores if c.readiness().get("role") == "leader"), None), "a core leads", 60)


def test_kills_of_active_and_standby_lose_nothing_and_double_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    chance = random.Random(KILLS)
    environment["SNAPSHOT_INTERVAL_S"] = "3"
    other = {**environment, "DATA_DIR": str(tmp_path / "core-b")}
    with running(environment, tmp_path / "a.log") as one, running(other, tmp_path / "b.log") as two:
        with load(environment, per_s=50):
            for survived in range(1, KILLS + 1):
                leader_of([one, two]).until_serving()
                time.sleep(chance.uniform(0.05, 1.0))
                victim = chance.choice([one, two])
                victim.kill()
                victim.start()
                print(f"{survived} kills survived")  # noqa: T201 - `make chaos` shows how far it is
            leader_of([one, two]).until_serving()
        assert_nothing_lost_and_nothing_doubled(leader_of([one, two]), environment)
