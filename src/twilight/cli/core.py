"""``twilight core``: run the relayer core, fold its log, try the engine without Kafka."""

import cProfile
import gzip
import json
import pstats
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Annotated, TypeVar, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

app = typer.Typer(help="The relayer core.", no_args_is_help=True)

T = TypeVar("T")
Until = Annotated[int | None, typer.Option(help="The last offset to fold.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def core() -> None:
    """The relayer core."""


@app.command()
def run() -> None:
    """Run one core; everything it needs is told by the environment."""
    from twilight.core.server import serve
    from twilight.core.settings import CoreSettings
    from twilight.ops import lifecycle, logs
    from twilight.ops.settings import load

    settings = _or_exit(lambda: load(CoreSettings))
    logs.configure("core", settings.log_level)
    raise typer.Exit(lifecycle.run(lambda stop: serve(settings, stop)))


@app.command("hash")
def hash_(until: Until = None, *, as_json: AsJson = False) -> None:
    """Fold the event log of Kafka (BROKER, CORE_EVENT_LOG) and print the state hash and the offset it holds at."""
    from twilight.core.replay import LogSettings, from_kafka, replay
    from twilight.ops.settings import load

    settings = _or_exit(lambda: load(LogSettings))
    found = _or_exit(lambda: replay(from_kafka(settings), until=until))
    if as_json:
        typer.echo(json.dumps({"state_hash": found.state_hash, "offset": found.offset}))
    else:
        typer.echo(f"{found.state_hash} {found.offset}")


@app.command("replay")
def replay_(
    file: Annotated[Path | None, typer.Argument(exists=True, help="A .jsonl[.gz] of records; none: Kafka.")] = None,
    *,
    until: Until = None,
    profile: Annotated[bool, typer.Option("--profile", help="Say where the time went.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fold a log from its start; print the state hash, what was folded, and events/s.

    A log of the Rust reference is folded up to the first figure that is no whole number of sats, or the first order
    that ends twice, and refused there: what it says from then on, no state of this engine can hold.
    """
    from twilight.core.replay import LogSettings, RawRecord, Replayed, from_file, from_kafka, replay
    from twilight.ops.settings import load

    profiler = cProfile.Profile() if profile else None
    bar = Progress("folding", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True))
    with bar:
        task = bar.add_task("fold", total=None)

        def log() -> Iterator[RawRecord]:
            return from_file(file) if file else from_kafka(load(LogSettings), lambda end: bar.update(task, total=end))

        def folded() -> Replayed:
            return replay(log(), until=until, progress=lambda done: bar.update(task, completed=done))

        found = _or_exit(lambda: profiler.runcall(folded) if profiler else folded())
        bar.update(task, completed=found.events, total=found.events)
    figures = found.as_dict()
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        kinds = cast("dict[str, int]", figures.pop("kinds"))
        for name, value in [*figures.items(), *kinds.items()]:
            typer.echo(f"{name:24} {value}")
    if profiler:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)


@app.command("simulate")
def simulate_(
    file: Annotated[Path, typer.Argument(help="Lines of inputs (.jsonl[.gz]); - reads them from stdin.")],
) -> None:
    """Run the engine on lines of inputs and print its events, as they would stand in the log."""
    from twilight.core.simulate import SimulationFault, simulate

    try:
        with _lines_of(file) as lines:
            for line in simulate(lines):
                sys.stdout.buffer.write(line + b"\n")
    except (SimulationFault, OSError) as fault:
        sys.stdout.buffer.flush()
        typer.echo(f"{file}: {fault}", err=True)
        raise typer.Exit(1) from None


def _lines_of(file: Path) -> IO[bytes]:
    if str(file) == "-":
        return sys.stdin.buffer
    return cast("IO[bytes]", gzip.open(file)) if file.suffix == ".gz" else file.open("rb")


def _or_exit(action: Callable[[], T]) -> T:
    """Return what the action gives, or say in one line what is wrong and exit."""
    from twilight.ops.errors import SettingsError, TwilightError

    try:
        return action()
    except (TwilightError, ValueError, OSError) as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(2 if isinstance(fault, SettingsError) else 1) from None
