"""Processes that an earlier supervisor left running because it was killed: found by pid and birth, and ended."""

import signal
from collections.abc import Callable

import psutil  # type: ignore[import-untyped]  # it has no types

from twilight.local.files import read_json
from twilight.local.layout import Layout
from twilight.local.status import PartStatus, Status

END_S = 20.0
SAME_BIRTH_S = 0.1


def find(layout: Layout) -> dict[str, psutil.Process]:
    """Return the processes of the last status that still live, by part."""
    status = read_json(layout.status, Status)
    found = {part.name: _process(part) for part in (status.parts if status else [])}
    return {name: process for name, process in found.items() if process is not None}


def end(layout: Layout, say: Callable[[str], None]) -> None:
    """End what an earlier supervisor left running: services first, then servers."""
    left = find(layout)
    if not left:
        return
    say(f"ending what an earlier run left: {', '.join(left)}")
    processes = list(reversed(left.values()))
    for process in processes:
        _signal(process, signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=END_S)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=END_S)


def _process(part: PartStatus) -> psutil.Process | None:
    """Return the part's process, unless its pid belongs to another by now."""
    if part.pid is None or part.born_s is None:
        return None
    try:
        process = psutil.Process(part.pid)
        is_same = abs(process.create_time() - part.born_s) < SAME_BIRTH_S
    except psutil.Error:
        return None
    return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
