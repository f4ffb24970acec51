"""What another terminal does with a running exchange: start it in the background, end it, look at it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from twilight.local import disk, leftovers
from twilight.local.files import is_held, read_json
from twilight.local.layout import Layout
from twilight.local.status import Phase, Status
from twilight.ops.errors import SettingsError, TwilightError, Unavailable

POLL_S = 0.3
DOWN_S_MAX = 120.0
READY_S_MAX = 900.0
HELD_S = 2.0
"""How long a line waits for the next one before it is said."""


def status(layout: Layout) -> Status | None:
    """Return the status as the supervisor wrote it last, corrected by what is true now; None if there never was one."""
    found = read_json(layout.status, Status)
    if found is None:
        return None
    found.alarm = disk.alarm(layout.root)
    if is_held(layout.lock):
        return found
    left = leftovers.find(layout)
    found.state = "unsupervised" if left else "stopped"
    for part in found.parts:
        if part.name not in left:
            part.state, part.pid, part.lag_records, part.lag_s = Phase.STOPPED, None, None, None
    return found


def down(layout: Layout, say: Callable[[str], None]) -> bool:
    """End the exchange; return whether there was anything to end.

    Raises:
        Unavailable: it does not end in time.
    """
    if not is_held(layout.lock):
        was_left = bool(leftovers.find(layout))
        leftovers.end(layout, say)
        return was_left
    found = read_json(layout.status, Status)
    if found is None:
        raise Unavailable("the exchange is only just starting: try again")
    os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_S_MAX
    while is_held(layout.lock):
        if time.monotonic() > deadline:
            raise Unavailable(f"pid {found.pid} has not ended within {DOWN_S_MAX:.0f} s: kill it and try again")
        time.sleep(POLL_S)
    return True


def detach(arguments: Sequence[str], layout: Layout, say: Callable[[str], None]) -> None:
    """Run `twilight up` in the background and return once everything is ready.

    Raises:
        TwilightError: it ended, or was not ready in time.
    """
    log = layout.log("up")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch(mode=0o600)  # it shows the addresses, and with them the database's password
    begin = log.stat().st_size
    with log.open("ab") as out:
        child = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "twilight", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _until_ready(child, layout, _lines(log, begin), say)
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise


def _until_ready(
    child: "subprocess.Popen[bytes]", layout: Layout, lines: Iterator[str], say: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + READY_S_MAX
    held, held_until = "", 0.0  # the last line before an end is the error that is raised, and is not said twice
    while True:
        has_ended = child.poll() is not None  # asked first: what it said before its end is read below
        for text in iter(lambda: next(lines), ""):
            if held:
                say(held)
            held, held_until = text, time.monotonic() + HELD_S
        if has_ended:
            raise TwilightError(held or f"twilight up ended with status {child.returncode}")
        found = read_json(layout.status, Status)
        is_ready = found is not None and found.pid == child.pid and found.state == "ready"
        if held and (is_ready or time.monotonic() > held_until):
            say(held)
            held = ""
        if is_ready:
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"not everything is ready after {READY_S_MAX:.0f} s: `twilight status` says what is not")
        time.sleep(POLL_S)


def _lines(path: Path, begin: int) -> Iterator[str]:
    """Yield the file's lines from an offset on, and an empty text whenever there is none yet."""
    with path.open() as file:
        file.seek(begin)
        while True:
            yield file.readline().rstrip("\n")


def log_file(layout: Layout, part: str) -> Path:
    """Return the log of a part.

    Raises:
        SettingsError: there is no such part.
    """
    path = layout.log(part)
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in layout.log("x").parent.glob("*.log"))) or "none yet"
        raise SettingsError([f"no log of {part!r} in {layout.root}: there are {known}"])
    return path


def tail(path: Path, count: int, *, follow: bool) -> Iterator[str]:
    """Yield the last lines of a log, and with `follow` every line that comes."""
    with path.open(errors="replace") as log:
        yield from log.readlines()[-count:]
        while follow:
            line = log.readline()
            if line:
                yield line
            elif path.stat().st_size < log.tell():
                log.seek(0)
            else:
                time.sleep(POLL_S)
