"""`twilight up`, `down`, `status`, `logs`: the whole exchange on this machine."""

import typer

app = typer.Typer()
