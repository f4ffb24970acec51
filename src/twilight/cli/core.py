"""``twilight core``: run the relayer core, fold its log, try the engine without Kafka."""

import typer

app = typer.Typer(help="The relayer core.", no_args_is_help=True)


@app.callback()
def core() -> None:
    """The relayer core."""


@app.command()
def run() -> None:
    """Run one core; everything it needs is told by the environment (docs/reference)."""
    from twilight.core.server import serve  # noqa: PLC0415 - a command loads what it uses
    from twilight.core.settings import CoreSettings  # noqa: PLC0415
    from twilight.ops import lifecycle, logs  # noqa: PLC0415
    from twilight.ops.errors import SettingsError  # noqa: PLC0415
    from twilight.ops.settings import load  # noqa: PLC0415

    try:
        settings = load(CoreSettings)
    except SettingsError as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(2) from None
    logs.configure("core", settings.log_level)
    raise typer.Exit(lifecycle.run(lambda stop: serve(settings, stop)))
