"""The feeder as a process, between real venue servers and real clients."""

import asyncio
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.feeder import processes
from tests.feeder.conftest import Desk
from typer.testing import CliRunner
from websockets.asyncio.client import connect

from twilight.cli.feeder import app
from twilight.cli.local import app as local
from twilight.core.inputs.feed import AcceptedTick, Feed, Refusal
from twilight.domain.index import tick as ticks
from twilight.domain.index.tick import PriceTick
from twilight.feeder.clock import SystemClock
from twilight.feeder.connection import VenueKeeper
from twilight.feeder.server import note
from twilight.feeder.venues import VENUES
from twilight.ops.health import Health


async def received(url: str, count: int) -> list[str]:
    async with asyncio.timeout(30), connect(url) as client:
        return [str(await client.recv()) for _ in range(count)]


def follow(feeder: processes.RunningFeeder, count: int) -> list[PriceTick]:
    return [ticks.decode(text) for text in asyncio.run(received(feeder.socket, count))]


def public_keys(folder: Path) -> list[bytes]:
    return [bytes.fromhex(key) for key in (folder / "state" / "key.json.pub").read_text().strip().split("+")]


def sources(feeder: processes.RunningFeeder) -> dict[str, dict[str, Any]]:
    return {detail["name"]: detail for detail in feeder.get("/v1/sources").json()["sources"]}


def priced_in(feeder: processes.RunningFeeder) -> set[str]:
    """Return the venues whose rate of a quote currency is known."""
    return {name for name, detail in sources(feeder).items() if detail["conversion_age_ms"] is not None}


def test_from_eight_exchanges_to_ticks_that_the_core_believes_and_anyone_recomputes(tmp_path: Path) -> None:
    with processes.venues(tmp_path) as urls, processes.feeder(tmp_path, urls) as feeder:
        feeder.wait_for("HEALTHY")
        frames = asyncio.run(received(feeder.socket, 6))
        core = Feed([public_keys(tmp_path)])
        seen = [ticks.decode(frame) for frame in frames]
        for frame, tick in zip(frames, seen, strict=True):
            assert isinstance(core.offer(0, frame, tick.ts_ms, tick.ts_ms), AcceptedTick)
            assert core.offer(0, frame, tick.ts_ms, tick.ts_ms) is Refusal.NOT_NEWER
        assert [tick.seq for tick in seen] == list(range(seen[0].seq, seen[0].seq + 6))
        assert (seen[-1].n, seen[-1].n_usd) == (8, 5)
        processes.until(lambda: priced_in(feeder) == {"kraken", "coinbase", "bitstamp"}, "rates of three venues")
        details = sources(feeder)
        assert {detail["state"] for detail in details.values()} == {"OK"}
        assert set(details["kraken"]) >= {
            *("name", "quote", "state", "bid", "ask", "price", "quote_age_ms", "link_age_ms", "lag_ms", "weight"),
            *("reconnects", "frames", "bad_frames", "last_error", "connected_since"),
        }
        metrics = feeder.get("/metrics").text
        assert 'twilight_feeder_venue_state{state="OK",venue="kraken"} 1.0' in metrics
        assert 'twilight_feeder_venue_conversion_age_ms{venue="kraken"}' in metrics
        assert 'twilight_feeder_venue_conversion_age_ms{venue="gemini"}' not in metrics
        watched = CliRunner().invoke(app, ["watch", "--once", "--url", feeder.base])
        assert "kraken" in watched.stdout
        assert "HEALTHY" in watched.stdout
        assert feeder.stop() == 0
    arguments = ["recompute", "--files", str(tmp_path / "records"), "--public-keys", public_keys(tmp_path)[0].hex()]
    recomputed = CliRunner().invoke(app, arguments)
    assert recomputed.exit_code == 0
    assert " ticks recomputed, 0 gaps" in recomputed.stdout
    told = CliRunner().invoke(app, ["explain", str(seen[-1].seq), "--files", str(tmp_path / "records")])
    assert "HEALTHY means: fully backed" in told.stdout


def test_a_restarted_feeder_has_a_larger_epoch_and_begins_at_one_without_a_price(tmp_path: Path) -> None:
    firsts = []
    for kill in (signal.SIGKILL, signal.SIGTERM):
        with processes.feeder(tmp_path, {}, FEEDER_KRAKEN_URL="ws://127.0.0.1:1") as feeder:
            feeder.wait_for("STARTING")
            processes.until(lambda feeder=feeder: feeder.get("/v1/price").status_code == 200, "a first tick")
            firsts.append(ticks.decode(feeder.get("/v1/price").content))
            feeder.process.send_signal(kill)
            feeder.process.wait(15)
    assert firsts[1].epoch > firsts[0].epoch
    assert firsts[1].seq < 20
    assert {tick.kid for tick in firsts} == {firsts[0].kid}
    assert {str(tick.status) for tick in firsts} == {"STARTING"}


def test_a_second_feeder_in_the_same_folder_ends_with_a_reason(tmp_path: Path) -> None:
    with processes.feeder(tmp_path, {}) as first:
        first.wait_for("STARTING")
        with processes.feeder(tmp_path, {}) as second:
            assert second.process.wait(20) == 1
    assert "another feeder runs" in (tmp_path / "feeder.log").read_text()


def test_wrong_settings_end_the_start_with_one_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDER_VENUES", "kraken")
    monkeypatch.setenv("FEEDER_KRAKEN_URL", "ws://example.com")
    result = CliRunner().invoke(app, ["run"])
    assert result.exit_code == 2
    assert "FEEDER_KRAKEN_URL: expected wss://" in result.output


def test_the_key_command_shows_the_public_half_and_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDER_KEY_FILE", str(tmp_path / "key.json"))
    first = CliRunner().invoke(app, ["key"]).stdout.split()
    rotated = CliRunner().invoke(app, ["key", "--rotate", "--overlap-hours", "48"]).stdout
    assert f"retired {first[1]}  {first[2]}  valid until" in rotated
    assert f"+{first[2]}" in rotated
    assert CliRunner().invoke(app, ["key"]).stdout == rotated


def test_check_names_each_mismatch_and_counts(tmp_path: Path) -> None:
    file = tmp_path / "vectors.json"
    wrong = {"t": 0, "quotes": {"a": None}, "conv": {}, "expect": {"status": "HEALTHY"}}
    right = {"t": 250, "expect": {"status": "STARTING"}}
    file.write_text(json.dumps({"scenarios": [{"name": "two", "ticks": [wrong, right]}]}))
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 1
    assert result.stdout == "two at 0 ms: status: expected 'HEALTHY', found 'STARTING'\n1 of 2\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"scenarios":[{}]}'])
def test_check_refuses_what_is_no_vector_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "vectors.json"
    file.write_text(content)
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 2
    assert "is no file of index vectors" in result.output


def test_check_of_the_specified_vectors_prints_120_of_120(shared_dir: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(shared_dir / "spec" / "price-feed-vectors.json")])
    assert (result.exit_code, result.stdout) == (0, "120 of 120\n")


def test_recompute_needs_a_place_to_read_from(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["recompute", "--public-keys", "00" * 32, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "name its folder with --data, records with --files, or set BROKER" in result.output


@pytest.mark.parametrize("step_s", [3_600, -3_600])
def test_a_stepped_system_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch, step_s: int) -> None:
    clock = SystemClock()
    before = clock.wall_at(clock.now_ms())
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + step_s * 10**9)
    after = clock.wall_at(clock.now_ms())
    assert 0 <= after - before < 60_000


def test_the_operator_ends_a_halt_with_a_signal(tmp_path: Path) -> None:
    settings = {"FEEDER_RESUME_MS": "600000", "FEEDER_HALT_MS": "500"}
    with processes.venues(tmp_path) as urls, processes.feeder(tmp_path, urls, **settings) as feeder:
        feeder.wait_for("HEALTHY")
        control = json.loads((tmp_path / "status.json").read_text())["control"]
        _fault(control, '{"kind":"freeze","venues":["all"],"for_s":7}')
        feeder.wait_for("HALTED")
        processes.until(lambda: json.loads(feeder.get("/v1/price").content)["n"] == 8, "all venues back")
        assert feeder.status() == "HALTED"
        os.kill(feeder.process.pid, signal.SIGUSR1)
        feeder.wait_for("HEALTHY")


def _fault(control: str, spec: str) -> None:
    result = CliRunner().invoke(local, ["fault", "--control", control, spec])
    assert result.exit_code == 0, result.output


def test_without_a_price_readiness_says_how_many_venues_answer_and_why_not(desk: Desk) -> None:
    keepers = [
        VenueKeeper(VENUES[name], desk.books[name], desk.clock, 5_000, random.Random(1)) for name in ("kraken", "okx")
    ]
    keepers[0].failed("cannot connect: Name or service not known")
    priced = Health().check("price")
    desk.clock.ms += 250
    blind = desk.maker.make(desk.clock.ms, desk.clock.ms, desk.clock.wall_at(desk.clock.ms))
    note(priced, blind.tick, keepers)
    assert priced.text() == ("error: status STARTING, 0 of 2 venues answer, cannot connect: Name or service not known")
