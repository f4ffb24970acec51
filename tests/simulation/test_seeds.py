"""Whole days of trouble, each from a seed: `make sim SEEDS=200`; `TWILIGHT_SIM_SEED=17` runs one alone."""

import os
from pathlib import Path

import pytest
from tests.simulation.run import Run

FIRST_SEED = 1
SEEDS_BY_DEFAULT = 8


def seeds() -> list[int]:
    if "TWILIGHT_SIM_SEED" in os.environ:
        return [int(os.environ["TWILIGHT_SIM_SEED"])]
    count = int(os.environ.get("TWILIGHT_SIM_SEEDS", SEEDS_BY_DEFAULT))
    return list(range(FIRST_SEED, FIRST_SEED + count))


@pytest.mark.parametrize("seed", seeds())
def test_nothing_is_lost_doubled_or_wrong(seed: int, tmp_path: Path) -> None:
    outcome = Run(seed, tmp_path).go()
    assert not outcome.faults, outcome.text()
