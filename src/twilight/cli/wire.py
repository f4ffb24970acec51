"""``twilight wire``: what the codecs make of bytes that others wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from twilight.wire.check import check

app = typer.Typer(help="Check wire formats.", no_args_is_help=True)


@app.callback()
def wire() -> None:
    """Check wire formats."""


@app.command("check")
def check_command(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True, help="A folder of fixtures (with MANIFEST.json or without) or a .jsonl[.gz] of records."
        ),
    ],
) -> None:
    """Decode and encode every fixture or record of PATH, print each mismatch; exit 1 if there is any, or nothing."""
    try:
        report = check(path)
    except (ValueError, OSError) as fault:
        typer.echo(f"{path}: {fault}", err=True)
        raise typer.Exit(2) from None
    for mismatch in report.mismatches:
        typer.echo(f"MISMATCH {mismatch}")
    for kind, count in sorted(report.counts.items()):
        typer.echo(f"{count:7d} {kind}")
    typer.echo(f"{report.counts.total():7d} checked, {len(report.mismatches)} mismatches")
    if not report.counts:
        typer.echo(f"{path}: expected fixtures (*.json) or records, found none", err=True)
    if report.mismatches or not report.counts:
        raise typer.Exit(1)
