"""What `twilight up` shows: a progress bar and one line that stays current on a terminal, else plain lines."""

import sys
import time
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID
from rich.text import Text

from twilight.local.status import Status, line

PLAIN_EVERY_S = 10.0


class Screen(Protocol):
    """Where progress and status go."""

    def progress(self, what: str, count: int, total: int) -> None:
        """Show that `count` of `total` pieces are there."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def show(self, status: Status) -> None:
        """Show the status now."""

    def close(self) -> None:
        """Leave the screen as a command leaves it."""


def screen() -> Screen:
    """Return the screen that standard output is good for."""
    return Terminal() if sys.stdout.isatty() else Plain()


class Terminal:
    """A terminal: bars while fetching, then one live line."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._live: Live | None = None

    def progress(self, what: str, count: int, total: int) -> None:
        """Show that `count` of `total` pieces are there."""
        if self._bars is None:
            self._bars = Progress(
                "fetching {task.description}", BarColumn(), MofNCompleteColumn(), console=self._console
            )
            self._bars.start()
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=count)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._end_bars()
        self._console.print(text, markup=False, soft_wrap=True)

    def show(self, status: Status) -> None:
        """Show the status now."""
        self._end_bars()
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(Text(line(status)), refresh=True)

    def close(self) -> None:
        """Leave the screen as a command leaves it."""
        self._end_bars()
        if self._live is not None:
            self._live.stop()

    def _end_bars(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


class Plain:
    """A pipe or a file: a line when something changes, and the status line every ten seconds."""

    def __init__(self) -> None:
        self._states: list[str] = []
        self._next_s = 0.0

    def progress(self, what: str, count: int, total: int) -> None:
        """Show that `count` of `total` pieces are there."""
        if count == total or count % 10 == 1:
            self.say(f"fetching {what}: {count} of {total}")

    def say(self, text: str) -> None:
        """Print a line that stays."""
        print(text, flush=True)  # noqa: T201 - the output of a command

    def show(self, status: Status) -> None:
        """Show the status when it has changed or was not shown for a while."""
        states = [f"{part.state} {part.restarts}" for part in status.parts]
        if states != self._states or time.monotonic() >= self._next_s:
            self._states, self._next_s = states, time.monotonic() + PLAIN_EVERY_S
            self.say(line(status))

    def close(self) -> None:
        """Leave the screen as a command leaves it."""
