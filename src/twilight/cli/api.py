"""`twilight api`: the API server."""

import asyncio
import os
from typing import Annotated

import typer
import uvloop

from twilight.api.server import serve
from twilight.api.settings import ApiSettings
from twilight.ops import lifecycle, logs
from twilight.ops.errors import SettingsError
from twilight.ops.lifecycle import Stop
from twilight.ops.settings import load

app = typer.Typer(help="The API server: JSON-RPC, websockets, order intake.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Serve the API."""


@app.command()
def run(
    addr: Annotated[str | None, typer.Option("--addr", "-a", help="The one port of everything (API_ADDR).")] = None,
    public_rpc: Annotated[str | None, typer.Option("--public-rpc", "-p", help="Public RPC on `/` too.")] = None,
    private_rpc: Annotated[str | None, typer.Option("--private-rpc", "-s", help="Private RPC on `/` too.")] = None,
    ws_listen_addr: Annotated[str | None, typer.Option("--ws-listen-addr", "-w", help="Websocket on `/` too.")] = None,
    order_rpc: Annotated[str | None, typer.Option("--order-rpc", help="Order API on `/` too.")] = None,
) -> None:
    """Serve until stopped. Settings come from the environment; an option overrides its variable."""
    given = {
        "API_ADDR": addr,
        "PUBLIC_RPC": public_rpc,
        "PRIVATE_RPC": private_rpc,
        "WS_LISTEN_ADDR": ws_listen_addr,
        "ORDER_RPC": order_rpc,
    }
    os.environ.update({name: value for name, value in given.items() if value is not None})
    try:
        settings = load(ApiSettings)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    logs.configure("api", settings.log_level)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    async def main(stop: Stop) -> None:
        await serve(settings, stop)

    raise typer.Exit(lifecycle.run(main))
