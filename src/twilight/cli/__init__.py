"""The `twilight` command: one module for each group of commands.

No logic lives here: a command parses its arguments, calls one function of a room and prints. A module is loaded when
its command is asked for, so that a service starts without the packages of all others.
"""

import importlib
import pkgutil
from typing import Any

import typer
from typer.core import TyperGroup

FLAT = dict.fromkeys(("up", "down", "status", "logs"), "up")
"""Commands without a group, and the module that they stand in."""


class Lazy(TyperGroup):
    """A group whose commands are the modules of this package, each with an `app`, and the flat ones."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer's own types are private
        """Return the names of all commands, those without a group first."""
        modules = [module.name for module in pkgutil.iter_modules(__path__)]
        return [*FLAT, *sorted(set(modules) - set(FLAT.values()))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - typer's own types are private
        """Return one command, loaded now, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__name__}.{FLAT.get(cmd_name, cmd_name)}")
        module.app._add_completion = False  # noqa: SLF001 - completion is offered once, at the top
        command = typer.main.get_command(module.app)
        if cmd_name in FLAT:
            return command.get_command(ctx, cmd_name)  # type: ignore[attr-defined]  # a group: it has four commands
        command.name = cmd_name
        return command


app = typer.Typer(cls=Lazy, no_args_is_help=True, pretty_exceptions_enable=False, help="The Twilight exchange.")


@app.callback()
def twilight() -> None:
    """Run, look at and prove the Twilight exchange: `twilight up` starts all of it on this machine."""


def main() -> None:
    """Run the command that the arguments name."""
    app(prog_name="twilight")
