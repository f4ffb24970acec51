"""``twilight archiver``: keep the databases behind the log."""

from typing import Annotated

import typer

app = typer.Typer(help="The archiver: every event into PostgreSQL and QuestDB.", no_args_is_help=True)


@app.callback()
def archiver() -> None:
    """Keep the databases behind the log."""


@app.command()
def run(
    *,
    migrate_only: Annotated[bool, typer.Option(help="Bring the schema up to date and end.")] = False,
) -> None:
    """Run one archiver; everything it needs is told by the environment."""
    from twilight.archiver.server import prepare, serve
    from twilight.archiver.settings import ArchiverSettings
    from twilight.ops import lifecycle, logs
    from twilight.ops.errors import TwilightError
    from twilight.ops.settings import load

    try:
        settings = load(ArchiverSettings)
        logs.configure("archiver", settings.log_level)
        if migrate_only:
            prepare(settings)
            return
    except TwilightError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(lifecycle.run(lambda stop: serve(settings, stop)))
