"""``twilight audit``: prove that the books are right."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Prove that the books are right: log, core, databases, money, answers.")


@app.command()
def audit(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    without_core: Annotated[
        bool, typer.Option("--without-core", help="Do not ask the core for its state hash.")
    ] = False,
    without_questdb: Annotated[bool, typer.Option("--without-questdb", help="Do not look at QuestDB.")] = False,
    data: Annotated[Path, typer.Option(envvar="DATA_DIR", help="Folder of the exchange.")] = Path("data"),
) -> None:
    """Read the whole event log and hold everything against it; exit 0 only if all of it is right and was looked at."""
    from twilight.audit.run import Parts
    from twilight.audit.run import audit as run
    from twilight.audit.settings import AuditSettings
    from twilight.local.addresses import use_addresses
    from twilight.ops.errors import TwilightError
    from twilight.ops.settings import load

    try:
        use_addresses(data)
        findings = run(load(AuditSettings), Parts(core=not without_core, questdb=not without_questdb))
    except TwilightError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    holds = all(finding.holds for finding in findings)
    if as_json:
        typer.echo(json.dumps({"holds": holds, "findings": [finding.as_dict() for finding in findings]}))
    else:
        for finding in findings:
            typer.echo(finding.line())
    raise typer.Exit(0 if holds else 1)
