"""Every row of the fault table, played by the venues' frames through the feeder's sessions and books to the index."""

import tomllib
from pathlib import Path

import msgspec
import pytest
from tests.local.venues.listener import Listener, dollars, states

from twilight.domain.index.model import Outcome
from twilight.local.venues.faults import AnyFault
from twilight.local.venues.floor import Floor
from twilight.local.venues.scenario import load

HERE = Path(__file__).parent
BASE_PRICE = 61822.57


class Check(msgspec.Struct, forbid_unknown_fields=True):
    s: float
    price: float | None = None
    within_bps: float | None = None
    n: int | None = None
    status: str | None = None
    flags: list[str] | None = None
    states: dict[str, str] = {}
    bad_frames: dict[str, int] = {}
    connections: dict[str, int] = {}


class Row(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    fault: tuple[AnyFault, ...]
    at: tuple[Check, ...]


ROWS = msgspec.convert(tomllib.loads((HERE / "table13.toml").read_text())["row"], tuple[Row, ...])


def seen(check: Check, outcome: Outcome) -> dict[str, object]:
    found = {
        "price": check.price and pytest.approx(dollars(outcome), abs=0.011),
        "n": check.n and outcome.n,
        "status": check.status and str(outcome.status),
        "flags": None if check.flags is None else list(outcome.flags),
        "states": {name: states(outcome, name).pop() for name in check.states},
    }
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_index_does_what_the_fault_table_says(row: Row) -> None:
    scenario = load(HERE / "base.toml")
    listener = Listener(Floor(scenario.market(0), faults=row.fault, wall_us=1_700_000_000_000_000))
    for check in row.at:
        outcome = listener.run(check.s)
        wanted = {name: getattr(check, name) for name in ("price", "n", "status", "flags", "states")}
        assert {k: v for k, v in wanted.items() if v is not None} == seen(check, outcome), f"at {check.s} s"
        if check.within_bps is not None:
            assert abs(dollars(outcome) / BASE_PRICE - 1) * 10_000 <= check.within_bps
        assert {name: listener.sources[name].connections for name in check.connections} == check.connections
        for name, least in check.bad_frames.items():
            assert listener.sources[name].bad_frames >= least
