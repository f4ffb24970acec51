"""`make chaos KILLS=200`: an active archiver and its standby, killed before, inside and after commits, under load."""

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
from tests.chaos.commits import Commits, Place
from tests.chaos.conftest import RunExchange
from tests.chaos.exchange import Exchange, Say, is_active
from tests.chaos.kept import Kept

KILLS_A_GROUP = 50
AIMS = (Place.BEFORE, Place.INSIDE, Place.AFTER, None)
"""None is any moment, at either of the two."""

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.mark.timeout(5_400)
def test_kills_before_inside_and_after_commits_lose_no_row_and_double_none(
    run_exchange: RunExchange, kills: int, say: Say, tell: Callable[[str], None]
) -> None:
    chance = random.Random(kills)
    met: Counter[str] = Counter()
    with run_exchange() as exchange:
        commits = Commits(exchange.servers.postgres, exchange.database)
        for survived in range(1, kills + 1):
            place = kill_at(AIMS[survived % len(AIMS)], exchange, commits, chance)
            met[place] += 1
            say(f"{survived} of {kills} kills, this one {place}")
            if survived % KILLS_A_GROUP == 0 and survived < kills:
                exchange.audit()
    tell(f"kills of archivers survived: {kills} of {kills}; {', '.join(f'{n} {place}' for place, n in met.items())}")
    assert kills < len(AIMS) or set(Place) <= met.keys()


def kill_at(aim: Place | None, exchange: Exchange, commits: Commits, chance: random.Random) -> str:
    """Kill an archiver and return where that met it."""
    if aim is None:
        time.sleep(chance.uniform(0.05, 1.0))
        return kill(chance.choice(exchange.archivers), commits)
    exchange.active_archiver()
    commits.until_committed()  # what it does once after a take-over is behind it
    with commits.caught(aim, chance):
        return kill(exchange.active_archiver(), commits)


def kill(archiver: Kept, commits: Commits) -> str:
    """Let it stand still, look where it stands, and kill it."""
    was_active = is_active(archiver)
    archiver.freeze()
    place = commits.place() if was_active else "a standby"
    archiver.kill()
    return place or "between two sessions"
