"""`twilight up`, `down`, `status`, `logs`: the whole exchange on this machine."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from twilight.local import control
from twilight.local.console import screen
from twilight.local.layout import Layout
from twilight.local.plan import Source
from twilight.local.run import check_source, up
from twilight.local.settings import UpSettings
from twilight.local.status import table
from twilight.ops.errors import SettingsError, TwilightError
from twilight.ops.settings import load

app = typer.Typer()

Data = Annotated[Path | None, typer.Option("--data", help="Folder of data and downloads (DATA_DIR; `data`).")]


@app.command("up")
def up_command(
    recording: Annotated[Path | None, typer.Argument(help="The recording that --market replay plays.")] = None,
    *,
    market: Annotated[Source, typer.Option(help="Where market data comes from.")] = Source.LOCAL,
    traders: Annotated[int, typer.Option(min=0, max=100, help="Demo traders; a lender comes with them.")] = 3,
    data: Data = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return once everything is ready.")] = False,
) -> None:
    """Run the whole exchange: Kafka, PostgreSQL, QuestDB, feeder, core, archiver, API, demo traders."""
    with _told():
        settings = _settings(data)
        check_source(market, recording)
        if not detach:
            up(settings, market, recording, traders, screen())
            return
        options = ["--market", market.value, "--traders", str(traders), "--data", str(settings.data_dir)]
        control.detach([*options, *([str(recording)] if recording else [])], Layout(settings.data_dir), typer.echo)


@app.command()
def down(*, data: Data = None) -> None:
    """End the exchange that runs on the data folder; its data stays."""
    with _told():
        found = control.down(Layout(_settings(data).data_dir), typer.echo)
        typer.echo("stopped" if found else "nothing runs")


@app.command()
def status(
    *, data: Data = None, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Show every part, the market, the sequence and the state hash; exit 1 unless all is ready."""
    with _told():
        found = control.status(Layout(_settings(data).data_dir))
        if found is None:
            raise SettingsError(["nothing was ever started here: `twilight up`, or name the folder with --data"])
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() if as_json else table(found))
        raise typer.Exit(0 if found.state == "ready" else 1)


@app.command()
def logs(
    part: Annotated[str, typer.Argument(help="kafka, postgres, questdb, venues, feeder, core, archiver, api, ...")],
    *,
    data: Data = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
) -> None:
    """Show the log of one part."""
    with _told(), contextlib.suppress(KeyboardInterrupt):
        for line in control.tail(control.log_file(Layout(_settings(data).data_dir), part), lines, follow=follow):
            sys.stdout.write(line)


def _settings(data: Path | None) -> UpSettings:
    """Return the settings with an absolute data folder, which is made, for its owner alone, if there is none."""
    settings = load(UpSettings)
    folder = (data or settings.data_dir).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings.model_copy(update={"data_dir": folder})


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Print an error that a user can act on in one line, and exit."""
    try:
        yield
    except (TwilightError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from None
