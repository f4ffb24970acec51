"""The feeder at 1,000 frames a second: little of a core, flat memory, ticks on the beat.

`make soak` runs half an hour; TWILIGHT_SOAK_S sets another length in seconds, at least 60.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from tests.feeder import processes
from websockets.asyncio.client import connect

from twilight.domain.index import tick as ticks
from twilight.domain.index.tick import PriceTick

FRAMES_PER_S = 1_000
WARM_S = 15
CORE_SHARE_MAX = 0.10
GROWTH_BYTES_MAX = 8 << 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7_200)]


class Sample(NamedTuple):
    at_s: float
    cpu_s: float
    rss: int


@contextmanager
def cannon(folder: Path) -> Iterator[dict[str, str]]:
    ports = folder / "cannon.json"
    script = str(Path(__file__).with_name("cannon.py"))
    running = subprocess.Popen([sys.executable, script, str(FRAMES_PER_S), str(ports)])
    try:
        processes.until(ports.exists, "ports of the cannon")
        yield json.loads(ports.read_text())
    finally:
        running.terminate()
        running.wait(10)


def sample(process: psutil.Process) -> Sample:
    used = process.cpu_times()
    return Sample(time.monotonic(), used.user + used.system, process.memory_info().rss)


async def arrivals(url: str, seconds: float) -> list[PriceTick]:
    """Return the ticks of so long a time."""
    seen, end = [], time.monotonic() + seconds
    async with connect(url) as client:
        while time.monotonic() < end:
            tick = ticks.decode(await client.recv())
            assert tick.status == "HEALTHY"
            seen.append(tick)
    return seen


def frames(feeder: processes.RunningFeeder) -> int:
    return sum(detail["frames"] for detail in feeder.get("/v1/sources").json()["sources"])


def soak(folder: Path, seconds: float) -> dict[str, float]:
    """Run for so long and return what was measured."""
    with cannon(folder) as urls, processes.feeder(folder, urls) as feeder:
        feeder.wait_for("HEALTHY")
        time.sleep(WARM_S)
        process = psutil.Process(feeder.process.pid)
        before, heard = sample(process), frames(feeder)
        seen = asyncio.run(arrivals(feeder.socket, seconds))
        after, heard = sample(process), frames(feeder) - heard
        assert feeder.stop() == 0
    spacing_ms = sorted(later.ts_ms - earlier.ts_ms for earlier, later in pairwise(seen))
    return {
        "seconds": after.at_s - before.at_s,
        "frames_per_s": heard / (after.at_s - before.at_s),
        "core_share": (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s),
        "growth_bytes": after.rss - before.rss,
        "spacing_p01_ms": spacing_ms[len(spacing_ms) // 100],
        "spacing_p99_ms": spacing_ms[-1 - len(spacing_ms) // 100],
        "missed_ticks": seen[-1].seq - seen[0].seq + 1 - len(seen),
    }


@pytest.mark.parametrize("seconds", [float(os.environ.get("TWILIGHT_SOAK_S", "1800"))])
def test_a_thousand_frames_a_second_cost_little_and_grow_nothing(tmp_path: Path, seconds: float) -> None:
    found = soak(tmp_path, seconds)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))  # noqa: T201 - the result of `make soak`
    assert found["frames_per_s"] > 0.95 * FRAMES_PER_S
    assert found["core_share"] < CORE_SHARE_MAX
    assert found["growth_bytes"] < GROWTH_BYTES_MAX
    assert found["missed_ticks"] == 0
    assert 225 <= found["spacing_p01_ms"] <= found["spacing_p99_ms"] <= 275
