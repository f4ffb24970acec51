"""The recorded five minutes of eight venues, through sockets, against the expected index."""

import asyncio
import csv
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.feeder import processes

from twilight.domain.index.model import Outcome
from twilight.feeder.clock import SystemClock
from twilight.feeder.epoch import StateFolder
from twilight.feeder.server import Feeder
from twilight.feeder.settings import configure

FIRST_MS = 3_000


class Expected(NamedTuple):
    status: str
    price: float


def expected_index(path: Path) -> dict[int, Expected]:
    with path.open() as lines:
        rows = csv.DictReader(lines)
        return {int(row["t_ms"]): Expected(row["status"], float(row["price"])) for row in rows}


async def play(feeder: Feeder, status_file: Path, until_ms: int) -> dict[int, Outcome]:
    """Run the feeder on the recording's own grid; return what it found at each of its times."""
    links = [asyncio.create_task(keeper.run(0)) for keeper in feeder.keepers.values()]
    started_ms = await _started(status_file)
    found: dict[int, Outcome] = {}
    while (t_ms := await _next_tick(feeder, started_ms)) <= until_ms:
        now_ms = feeder.clock.now_ms()
        for keeper in feeder.keepers.values():
            keeper.turn(now_ms)
        found[t_ms] = feeder.maker.make(t_ms, now_ms, feeder.clock.wall_at(now_ms)).outcome
    for link in links:
        link.cancel()
    await asyncio.gather(*links, return_exceptions=True)
    return found


async def _started(status_file: Path) -> int:
    while (started := _started_at_ms(status_file)) is None:  # noqa: ASYNC110 - another process writes the file
        await asyncio.sleep(0.1)
    return started


def _started_at_ms(status_file: Path) -> int | None:
    started: int | None = json.loads(status_file.read_text())["started_at_ms"] if status_file.exists() else None
    return started


async def _next_tick(feeder: Feeder, started_ms: int) -> int:
    def played_ms() -> int:
        return feeder.clock.wall_at(feeder.clock.now_ms()) - started_ms

    t_ms = (played_ms() // 250 + 1) * 250
    while played_ms() < t_ms:  # noqa: ASYNC110 - a time, not an event
        await asyncio.sleep(max(0, t_ms - played_ms()) / 1_000)
    return t_ms


@pytest.mark.parametrize("seconds", [30, pytest.param(299, marks=[pytest.mark.slow, pytest.mark.timeout(400)])])
def test_the_replay_gives_the_expected_prices_and_statuses(
    shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    replay = shared_dir / "data" / "feeds" / "replay"
    expected = expected_index(replay / "venues8-a-expected.csv")
    with processes.venues(tmp_path, "--replay", str(replay / "venues8-a.jsonl.gz")) as urls:
        for name, value in processes.venue_environment(urls).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FEEDER_STATE_DIR", str(tmp_path / "state"))
        with StateFolder(tmp_path / "state") as state:
            feeder = Feeder(configure(), SystemClock(), state)
            found = asyncio.run(play(feeder, tmp_path / "status.json", seconds * 1_000))
    compared = {t_ms: outcome for t_ms, outcome in found.items() if t_ms >= FIRST_MS and t_ms in expected}
    assert len(compared) >= (seconds * 1_000 - FIRST_MS) // 250 * 0.9
    for t_ms, outcome in compared.items():
        assert outcome.price is not None
        assert (str(outcome.status), t_ms) == (expected[t_ms].status, t_ms)
        assert abs(outcome.price / 1e8 / expected[t_ms].price - 1) * 10_000 <= 0.5, t_ms
