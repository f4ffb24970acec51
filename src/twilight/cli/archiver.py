"""``twilight archiver``: keep the databases behind the log, look after them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from twilight.archiver.settings import ArchiverSettings

app = typer.Typer(help="The archiver: every event into PostgreSQL and QuestDB.", no_args_is_help=True)

STREAM = "core"


@app.callback()
def archiver() -> None:
    """Keep the databases behind the log."""


def _settings() -> "ArchiverSettings":
    from twilight.archiver.settings import ArchiverSettings
    from twilight.ops import logs
    from twilight.ops.settings import load

    settings = load(ArchiverSettings)
    logs.configure("archiver", settings.log_level)
    return settings


@contextmanager
def _faults() -> Iterator[None]:
    """Show a fault as one line that says what to do, and end with status 2."""
    from twilight.ops.errors import TwilightError

    try:
        yield
    except TwilightError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far a long command is; yields what is told the offset reached and the last one."""
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(offset: int, end: int) -> None:
            bar.update(task, completed=offset, total=end)

        yield tell


@app.command()
def run(
    *,
    migrate_only: Annotated[bool, typer.Option(help="Bring the schema up to date and end.")] = False,
) -> None:
    """Run one archiver; everything it needs is told by the environment."""
    from twilight.archiver.server import migrate_database, serve
    from twilight.ops import lifecycle

    with _faults():
        settings = _settings()
        if migrate_only:
            migrate_database(settings)
            return
    raise typer.Exit(lifecycle.run(lambda stop: serve(settings, stop)))


@app.command()
def stats(*, json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show rows, bytes, lag, dead letters, gaps, partitions and speed."""
    import msgspec

    from twilight.archiver.server import end_offset_of
    from twilight.archiver.upkeep.stats import stats as read_stats

    with _faults():
        settings = _settings()
        found = read_stats(settings.database_url, end_offset_of(settings))
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for stream in found.streams:
        typer.echo("  ".join(f"{name} {value}" for name, value in msgspec.structs.asdict(stream).items()))
    for table in found.tables:
        oldest = f"  {table.partitions} partitions from {table.oldest_partition}" if table.partitions else ""
        typer.echo(f"{table.table:30} {table.rows:>14,} rows {table.bytes:>16,} bytes{oldest}")


@app.command()
def rebuild(tables: Annotated[list[str] | None, typer.Argument(help="Tables; none means all.")] = None) -> None:
    """Make derived tables anew from the raw log and swap them in; the archiver may run on."""
    import time

    from twilight.archiver.upkeep.rebuild import rebuild as make_anew

    started = time.monotonic()
    with _faults(), _progress("rebuilding") as tell:
        done = make_anew(_settings().database_url, tables or (), tell)
    seconds = time.monotonic() - started
    typer.echo(
        f"{len(done.tables)} tables from {done.records:,} records, {done.rows:,} rows in {seconds:.1f} s;"
        f" {done.resolved} dead letters resolved, {done.dead} remain"
    )


@app.command("rebuild-candles")
def rebuild_candles(
    *,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, UTC.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")],
) -> None:
    """Count candles anew from stored prices and trades, one transaction for each day; the archiver may run on."""
    from twilight.archiver.upkeep.recounting import recount_candles

    with _faults(), _progress("counting") as tell:
        counted = recount_candles(_settings().database_url, first.date(), last.date(), tell)
    typer.echo(f"{counted:,} candles counted anew")


@app.command()
def reprocess() -> None:
    """Try the dead letters again; when some can be read now, rebuild, so that everything after them is right too."""
    from twilight.archiver.upkeep.reprocess import reprocess as try_again

    with _faults(), _progress("reprocessing") as tell:
        done = try_again(_settings().database_url, tell)
    typer.echo(f"{done.tried} dead letters tried, {done.readable} can be read now, {done.resolved} resolved")


@app.command("export")
def export_(
    first: Annotated[int, typer.Argument(metavar="FROM", help="First offset.")],
    end: Annotated[int, typer.Argument(metavar="TO", help="First offset that is left out.")],
    *,
    out: Annotated[Path, typer.Option(help="A new folder.")],
    stream: Annotated[str, typer.Option(help="Which stream of the raw log.")] = STREAM,
) -> None:
    """Write the raw log as compressed files with a manifest of hashes."""
    from twilight.archiver.upkeep.exporting import export

    with _faults(), _progress("exporting") as tell:
        done = export(_settings().database_url, stream, first, end, out, tell)
    typer.echo(f"{done.records:,} records in {len(done.files)} files, SHA-256 {done.records_sha256}")
    if done.widest_gaps:
        widest = max(done.widest_gaps, key=lambda gap: gap.offsets)
        typer.echo(
            f"{done.gaps:,} offsets have no record, the most in one place from {widest.first_offset:,} to"
            f" {widest.last_offset:,}: transaction markers, or history that is not in this archive",
            err=True,
        )


@app.command("import")
def import_(folder: Annotated[Path, typer.Argument(help="An export.")]) -> None:
    """Load an export into an archive that stands before or inside it, every table along with it."""
    from twilight.archiver.upkeep.exporting import import_ as load_export

    with _faults(), _progress("importing") as tell:
        new = load_export(_settings().database_url, folder, tell)
    typer.echo(f"{new:,} records were new")


@app.command()
def parquet(
    table: Annotated[str, typer.Argument(help="A table or view of the archive.")],
    file: Annotated[Path, typer.Argument(help="The file to write.")],
) -> None:
    """Write a table as a Parquet file, for notebooks."""
    from twilight.archiver.upkeep.parquet import write_parquet

    with _faults():
        rows = write_parquet(_settings().database_url, table, file)
    typer.echo(f"{rows:,} rows")


@app.command()
def confirm() -> None:
    """Compare QuestDB with PostgreSQL hour by hour and write again what is missing; exit 1 if QuestDB has too much."""
    from twilight.archiver.server import confirm_once

    with _faults():
        report = confirm_once(_settings())
    typer.echo(
        f"{report.hours} hours, {report.prices_repaired} prices and {report.trades_repaired} trades written again,"
        f" {len(report.hours_with_extra)} hours with rows that PostgreSQL has not"
    )
    raise typer.Exit(1 if report.hours_with_extra else 0)
