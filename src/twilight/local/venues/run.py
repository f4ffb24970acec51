"""Run the venue servers as one process: build the market, write the files, play until told to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from twilight.local.files import write_json
from twilight.local.process import StopSignal
from twilight.local.venues.floor import Floor
from twilight.local.venues.hub import Hub, WaitFor
from twilight.local.venues.market import Walk
from twilight.local.venues.registry import VENUES
from twilight.local.venues.replay import Recording
from twilight.local.venues.scenario import Scenario
from twilight.local.venues.scenario import load as load_scenario
from twilight.ops.health import Health

NOTE_EVERY_S: Final = 1.0
RECORDING_OPENS_EVERY_MS: Final = 1_000


class AtEnd(StrEnum):
    """What happens when a recording is over."""

    HOLD = "hold"
    LOOP = "loop"
    EXIT = "exit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the venue servers run.

    ``price_file`` keeps the walk's price over restarts, so that an exchange that
    is started again does not see the market jump.
    """

    seed: int = 1
    replay: Path | None = None
    scenario: Path | None = None
    wait_for: WaitFor | None = None
    at_end: AtEnd = AtEnd.HOLD
    ports_file: Path | None = None
    status_file: Path | None = None
    price_file: Path | None = None
    port_base: int = 0


class _LastPrice(msgspec.Struct):
    price_e8: int


class Stage:
    """The market that the options ask for, built anew for each turn of a loop."""

    def __init__(self, options: Options) -> None:
        """Read the scenario.

        Raises:
            ScenarioError: see `scenario.read`.
        """
        self._options = options
        self._scenario = load_scenario(options.scenario) if options.scenario else Scenario()
        self._walk: Walk | None = None

    @property
    def name(self) -> str:
        """Return what the status line calls this market."""
        if self._options.replay:
            return f"replay {self._options.replay.name}"
        return "still" if self._scenario.quotes else f"walk, seed {self._options.seed}"

    @property
    def wait_for(self) -> WaitFor:
        """Return when the market opens: a recording waits for all links unless told otherwise."""
        return self._options.wait_for or (WaitFor.ALL if self._options.replay else WaitFor.NONE)

    @property
    def opens_every_ms(self) -> int:
        """Return on which moments of the wall clock the market opens: a recording on whole seconds."""
        return RECORDING_OPENS_EVERY_MS if self._options.replay else 1

    def floor(self) -> Floor:
        """Return a fresh floor.

        Raises:
            RecordingError: the first line of the recording is wrong.
            RefusedFaultError: the scenario has a fault that the recording cannot play.
        """
        seed, faults = self._options.seed, self._scenario.fault
        if self._options.replay:
            return Floor(Recording(self._options.replay), faults=faults, seed=seed, recorded=True)
        market = self._scenario.market(seed, self._kept_price_e8())
        self._walk = market if isinstance(market, Walk) else None
        return Floor(market, faults=faults, seed=seed)

    def keep_price(self) -> None:
        """Write down the walk's price."""
        if self._walk is not None and self._options.price_file is not None:
            write_json(self._options.price_file, _LastPrice(self._walk.price_e8))

    def _kept_price_e8(self) -> int | None:
        path = self._options.price_file
        if path is None or not path.exists():
            return None
        return msgspec.json.decode(path.read_bytes(), type=_LastPrice).price_e8


async def serve_venues(options: Options, stop: StopSignal, tell: Callable[[str], object], health: Health) -> None:
    """Serve until the stop signal, or until the end of a recording with `AtEnd.EXIT`.

    ``tell`` gets one line a venue and one when the market opens. The ports file
    is written once all ports are open, so its existence means that they are.
    """
    stage = Stage(options)
    hub = Hub(stage.floor(), market=stage.name, wait_for=stage.wait_for, opens_every_ms=stage.opens_every_ms)
    try:
        for name, url in (await hub.start(_ports(options.port_base))).items():
            tell(f"{name} {url}")
        if options.ports_file is not None:
            write_json(options.ports_file, hub.urls)
        await _until_first(_play(hub, stage, options.at_end), _note(hub, stage, options, tell, health), stop.wait())
    finally:
        stage.keep_price()
        await hub.close()


async def _until_first(*works: Awaitable[object]) -> None:
    """Return when the first of them is done, and stop the others; its error is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _play(hub: Hub, stage: Stage, at_end: AtEnd) -> None:
    while True:
        await hub.play()
        if at_end is AtEnd.EXIT:
            return
        if at_end is AtEnd.HOLD:
            await asyncio.Event().wait()
        hub.replace_floor(stage.floor())


async def _note(hub: Hub, stage: Stage, options: Options, tell: Callable[[str], object], health: Health) -> None:
    """Keep status, price and health up to date, and tell when the market's state changes."""
    told = ""
    while True:
        status = hub.status()
        health.extra["market"] = status
        health.check("market").ok(status.state)
        if options.status_file is not None:
            write_json(options.status_file, status)
        if status.state != told:
            tell(f"market {status.market}: {status.state}")
            told = status.state
        stage.keep_price()
        await asyncio.sleep(NOTE_EVERY_S)


def _ports(base: int) -> dict[str, int]:
    return {name: base + number for number, name in enumerate(VENUES)} if base else {}
