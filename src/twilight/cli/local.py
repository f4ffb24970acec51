"""`twilight local`: the market and the traders of this machine, one by one."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from twilight.local import artifacts
from twilight.local.process import StopSignal, with_ops
from twilight.local.traders import Crew, serve_traders
from twilight.local.traders.run import TRADERS_MAX
from twilight.local.venues.control import Command, command
from twilight.local.venues.errors import VenuesError
from twilight.local.venues.faults import AnyFault
from twilight.local.venues.hub import WaitFor
from twilight.local.venues.run import AtEnd, Options, serve_venues
from twilight.ops import lifecycle, logs
from twilight.ops.health import Health

app = typer.Typer(no_args_is_help=True, help="The market and the traders of this machine.")


@app.command()
def venues(  # noqa: PLR0913 - each is an option of the command
    *,
    seed: Annotated[int, typer.Option(help="Seed of the random walk.")] = 1,
    replay: Annotated[Path | None, typer.Option(help="Play this recording of frames instead.")] = None,
    scenario: Annotated[Path | None, typer.Option(help="A TOML file of quotes and faults over time.")] = None,
    wait: Annotated[
        WaitFor | None,
        typer.Option(help="Open the market at once, at the first subscribed link, or at all eight."),
    ] = None,
    at_end: Annotated[AtEnd, typer.Option(help="What to do when a recording is over.")] = AtEnd.HOLD,
    ports_file: Annotated[Path | None, typer.Option(help="Write venue -> URL here once all ports are open.")] = None,
    status_file: Annotated[Path | None, typer.Option(help="Write the status here once a second.")] = None,
    price_file: Annotated[Path | None, typer.Option(help="Keep the walk's price here over restarts.")] = None,
    port_base: Annotated[int, typer.Option(help="First of eight ports; 0 takes free ones.")] = 0,
) -> None:
    """Serve eight exchanges on loopback, each speaking its own protocol."""
    options = Options(
        seed=seed,
        replay=replay,
        scenario=scenario,
        wait_for=wait,
        at_end=at_end,
        ports_file=ports_file,
        status_file=status_file,
        price_file=price_file,
        port_base=port_base,
    )
    logs.configure("venues")
    log = logs.get(__name__)

    async def main(stop: StopSignal) -> None:
        await with_ops(Health(), lambda health: serve_venues(options, stop, log.info, health))

    raise typer.Exit(lifecycle.run(main))


@app.command()
def traders(
    *,
    api: Annotated[str, typer.Option(help="URL of the API.")] = "http://127.0.0.1:8088",
    data: Annotated[Path, typer.Option(envvar="DATA_DIR", help="Folder of keys and books (in `traders/`).")] = Path(
        ".twilight"
    ),
    count: Annotated[int, typer.Option("--traders", min=0, max=TRADERS_MAX, help="How many trade.")] = 3,
    lenders: Annotated[int, typer.Option(min=0, max=TRADERS_MAX, help="How many lend.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of what they want.")] = 1,
    pace_s: Annotated[float, typer.Option(min=0.05, help="Mean pause between two turns of one.")] = 3.0,
) -> None:
    """Trade and lend through the public API, with own keys, until stopped."""
    crew = Crew(url=api, folder=data / "traders", traders=count, lenders=lenders, seed=seed, pace_s=pace_s)
    logs.configure("traders")
    log = logs.get(__name__)

    async def main(stop: StopSignal) -> None:
        await with_ops(Health(), lambda health: serve_traders(crew, stop, log, health))

    raise typer.Exit(lifecycle.run(main))


@app.command()
def fault(
    control: Annotated[str, typer.Option(help="URL of the control link (`control` of the status file).")],
    spec: Annotated[
        str | None,
        typer.Argument(help="""JSON: {"kind": "offset", "venues": ["kraken"], "bps": 40, "for_s": 10}."""),
    ] = None,
    clear: Annotated[list[str] | None, typer.Option(help="End all faults of this venue or group.")] = None,
) -> None:
    """Let something go wrong at some venues now, or show what is going on."""
    try:
        wanted = Command(
            fault=msgspec.json.decode(spec, type=AnyFault) if spec else None,
            clear=tuple(clear) if clear else None,
        )
        status = asyncio.run(command(control, wanted))
    except (msgspec.DecodeError, VenuesError, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from error
    print(msgspec.json.format(msgspec.json.encode(status), indent=2).decode())


@app.command("lock")
def lock_command(
    name: Annotated[str, typer.Argument(help="Which file of `services/` to write: NAME.lock.")],
    coordinate: Annotated[str, typer.Argument(help="group:artifact:version.")],
    data: Annotated[Path, typer.Option(envvar="DATA_DIR", help="Folder of downloads.")] = Path("data"),
) -> None:
    """Pin a server anew: resolve what it needs to run and write down the hash of each archive (for maintainers)."""
    artifacts.lock(name, coordinate, data / "downloads")


@app.command("compare")
def compare_command(
    expected: Annotated[Path, typer.Argument(help="CSV with t_ms, status, price: what the recording is to give.")],
    data: Annotated[Path, typer.Option(envvar="DATA_DIR", help="Folder of the exchange that played it.")] = Path(
        "data"
    ),
) -> None:
    """Hold the prices published while `--market replay` played against the expected ones; exit 1 if any differs."""
    from twilight.feeder.records import TickRecord
    from twilight.feeder.settings import FeederSettings
    from twilight.feeder.source import from_topic
    from twilight.local import compare
    from twilight.local.addresses import use_addresses
    from twilight.local.layout import Layout
    from twilight.ops.errors import TwilightError
    from twilight.ops.settings import load

    try:
        use_addresses(data)
        settings = load(FeederSettings)
        records = from_topic(settings.broker, settings.price_feed_topic)
        ticks = (record.published for record in records if isinstance(record, TickRecord))
        found = compare.compare(compare.read_expected(expected), compare.opened_at_ms(Layout(data)), ticks)
    except (TwilightError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    for line in found.apart:
        typer.echo(line)
    typer.echo(
        f"{found.compared} of {found.expected} expected ticks published, {len(found.apart)} apart by more than "
        f"{compare.TOLERANCE_BPS} bps or in status, at most {found.worst_bps:.3f} bps"
    )
    raise typer.Exit(0 if found.is_equal else 1)
