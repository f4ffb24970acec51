"""The rows of the fault table (price feed specification 13) about links, clocks, keys and restarts."""

import json
import signal
import time
from itertools import cycle, pairwise
from pathlib import Path

import pytest
from tests.core.feeders import SignedFeeder
from tests.feeder import processes
from tests.feeder.conftest import Desk
from typer.testing import CliRunner

from twilight.cli.local import app as local
from twilight.core.inputs.feed import Feed, Refusal
from twilight.domain.index import tick as ticks
from twilight.feeder.records import TickRecord
from twilight.feeder.source import from_files
from twilight.feeder.venues import VENUES, TopOfBook

KINDS = {
    "drop": ({}, {"DOWN"}),
    "freeze": ({}, {"STALE", "DOWN"}),
    "silence": ({}, {"STALE", "DOWN"}),
    "delay": ({"delay_ms": 20_000}, {"STALE", "DOWN"}),
    "garble": ({}, {"STALE", "DOWN"}),
    "offset": ({"bps": 400}, {"OUTLIER", "QUARANTINED"}),
    "cross": ({}, {"BAD_QUOTE"}),
    "flood": ({"per_s": 100}, {"DOWN"}),
    "drip": ({}, {"STALE", "DOWN"}),
}
BASE_STATE = str(Path(__file__).parents[1] / "local" / "venues" / "base.toml")
QUICK = {
    "FEEDER_QUOTE_STALE_MS": "1500",
    "FEEDER_LINK_STALE_MS": "1500",
    "FEEDER_BITFINEX_QUOTE_STALE_MS": "2500",
    "FEEDER_BITFINEX_LINK_STALE_MS": "1500",
}


def test_a_feed_that_flows_but_falls_twenty_seconds_behind_is_stale(desk: Desk) -> None:
    def kraken(delay_ms: int) -> str:
        desk.quote_all()
        now_ms = desk.clock.now_ms()
        exchange_us = (desk.clock.wall_at(now_ms) - delay_ms) * 1_000
        late = TopOfBook("BTC/USD", 6_182_190_000_000, 6_182_200_000_000, None, None, exchange_us)
        desk.books["kraken"].offer([late], now_ms, desk.clock.wall_at(now_ms))
        desk.clock.ms += 250
        outcome = desk.maker.make(desk.clock.ms, desk.clock.ms, 1).outcome
        return str(outcome.sources["kraken"].state)

    assert [kraken(delay_ms) for delay_ms in (40, 60, 40)] == ["OK"] * 3
    states = {delay_ms: kraken(delay_ms) for delay_ms in range(100, 20_000, 200)}
    assert {state for delay_ms, state in states.items() if delay_ms < 4_700} == {"OK"}
    assert {state for delay_ms, state in states.items() if delay_ms > 5_100} == {"STALE"}


def test_a_wrong_exchange_clock_does_no_harm(desk: Desk) -> None:
    for ahead_ms in (-3_600_000, -1_250, 0, 500_000, 3_600_000):
        desk.quote_all()
        now_ms = desk.clock.now_ms()
        moment_us = (desk.clock.wall_at(now_ms) + ahead_ms) * 1_000
        quote = TopOfBook("BTC/USD", 6_182_190_000_000, 6_182_200_000_000, None, None, moment_us)
        desk.books["kraken"].connected(now_ms)
        assert desk.books["kraken"].main.offer(quote, now_ms, desk.clock.wall_at(now_ms))


def test_replayed_old_forged_and_foreign_ticks_are_ignored_by_the_core(desk: Desk) -> None:
    core = Feed([[desk.key.public]])
    tick = desk.tick().tick
    frame = ticks.encode(tick)
    stranger = SignedFeeder(seed=bytes(32)).frame(tick.ts_ms)
    forged = ticks.encode(tick._replace(price_e8=tick.price_e8 + 1_000_000))
    assert core.offer(0, forged, tick.ts_ms, 0) is Refusal.BAD_SIGNATURE
    assert core.offer(0, stranger, tick.ts_ms, 0) is Refusal.UNKNOWN_KEY
    assert core.offer(0, frame, tick.ts_ms + 2_001, 0) is Refusal.CLOCK_SKEW
    assert not isinstance(core.offer(0, frame, tick.ts_ms + 2_000, 0), Refusal)
    assert core.offer(0, frame, tick.ts_ms, 0) is Refusal.NOT_NEWER


def test_a_restarted_feeder_is_starting_until_it_is_good(desk: Desk) -> None:
    published = desk.maker.make(250, 250, 1)
    assert (published.tick.seq, str(published.tick.status), published.tick.price_e8) == (1, "STARTING", 0)
    assert str(desk.tick().tick.status) == "HEALTHY"


def fault(folder: Path, **spec: object) -> None:
    control = json.loads((folder / "status.json").read_text())["control"]
    result = CliRunner().invoke(local, ["fault", "--control", control, json.dumps(spec)])
    assert result.exit_code == 0, result.output


def clear(folder: Path, venue: str) -> None:
    control = json.loads((folder / "status.json").read_text())["control"]
    result = CliRunner().invoke(local, ["fault", "--control", control, "--clear", venue])
    assert result.exit_code == 0, result.output


def states(feeder: processes.RunningFeeder) -> dict[str, str]:
    return {detail["name"]: detail["state"] for detail in feeder.get("/v1/sources").json()["sources"]}


def suffer(folder: Path, feeder: processes.RunningFeeder, venue: str, kind: str) -> None:
    """Let one venue have a fault until the feeder shows it, then until it is well again."""
    options, shown = KINDS[kind]
    fault(folder, kind=kind, venues=[venue], **options)
    processes.until(lambda: states(feeder)[venue] in shown, f"{venue} with {kind}: {shown}, is {states(feeder)[venue]}")
    tick = feeder.get("/v1/price").json()
    assert tick["status"] == "HEALTHY", (venue, kind, tick)
    clear(folder, venue)
    processes.until(lambda: states(feeder)[venue] in {"OK", "CLAMPED"}, f"{venue} after {kind}", within_s=60)


MATRIX = [(venue, kind) for venue in sorted(VENUES) for kind in KINDS]
ONE_EACH = list(zip(cycle(sorted(VENUES)), KINDS, strict=False))


@pytest.mark.parametrize(
    "cases", [ONE_EACH, pytest.param(MATRIX, marks=[pytest.mark.slow, pytest.mark.timeout(1_500)])], ids=["one", "all"]
)
def test_each_venue_in_turn_may_fail_and_return_while_the_price_stays_healthy(
    tmp_path: Path, cases: list[tuple[str, str]]
) -> None:
    settings = {**QUICK, "FEEDER_QUAR_BACK_MS": "1000"}
    with processes.venues(tmp_path) as urls, processes.feeder(tmp_path, urls, **settings) as feeder:
        feeder.wait_for("HEALTHY")
        processes.until(lambda: set(states(feeder).values()) == {"OK"}, "all venues OK")
        for venue, kind in cases:
            suffer(tmp_path, feeder, venue, kind)
        assert feeder.stop() == 0


def test_a_feeder_that_was_paused_during_a_move_publishes_the_new_price_at_once(tmp_path: Path) -> None:
    with processes.venues(tmp_path, "--scenario", BASE_STATE) as urls, processes.feeder(tmp_path, urls) as feeder:
        feeder.wait_for("HEALTHY")
        processes.until(lambda: set(states(feeder).values()) == {"OK"}, "all venues OK")
        feeder.process.send_signal(signal.SIGSTOP)
        fault(tmp_path, kind="offset", bps=-300)
        time.sleep(2.2)
        feeder.process.send_signal(signal.SIGCONT)
        processes.until(lambda: after_the_pause(tmp_path), "a tick after the pause")
        assert feeder.stop() == 0
    first = after_the_pause(tmp_path)
    assert first is not None
    assert (ticks.price_text(first.price_e8), first.flags) == ("59967.89", ())


def after_the_pause(folder: Path) -> ticks.PriceTick | None:
    """Return the first recorded tick that came two seconds or more after the one before."""
    records = (record for record in from_files(folder / "records") if isinstance(record, TickRecord))
    pairs = pairwise(record.published for record in records)
    return next((later for earlier, later in pairs if later.ts_ms - earlier.ts_ms >= 2_000), None)
