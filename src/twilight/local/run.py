"""`twilight up` in the foreground: check, fetch, start, show, stop."""

import asyncio
import contextlib
import signal
from pathlib import Path

from twilight.local import artifacts, leftovers
from twilight.local.console import Screen
from twilight.local.disk import check_disk
from twilight.local.files import FileLock, read_json, write_json
from twilight.local.layout import Layout
from twilight.local.observer import Observer
from twilight.local.plan import Plan, Source, Wanted
from twilight.local.ports import api_address, assign
from twilight.local.probe import Probe
from twilight.local.servers.process import answers
from twilight.local.settings import UpSettings
from twilight.local.status import Status, without_password
from twilight.local.supervisor import Supervisor
from twilight.ops.errors import SettingsError, Unavailable

SHOW_S = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(settings: UpSettings, source: Source, recording: Path | None, traders: int, screen: Screen) -> None:
    """Run the exchange until a signal says stop; returns when everything has ended.

    Raises:
        TwilightError: it cannot run; the message says what to do.
    """
    layout = Layout(settings.data_dir)
    lock = _locked(layout)
    try:
        leftovers.end(layout, screen.say)
        plan = Plan(_wanted(settings, layout, source, recording, traders, screen))
        check_elsewhere(plan)
        asyncio.run(_run(plan, layout, source, screen))
    finally:
        screen.close()
        lock.close()


def check_source(source: Source, recording: Path | None) -> None:
    """Return when the market data can be had.

    Raises:
        SettingsError: a replay without a readable recording, or a recording without a replay.
    """
    if source is Source.REPLAY and (recording is None or not recording.is_file()):
        found = "none was named" if recording is None else f"{recording} is no file"
        raise SettingsError([f"--market replay needs a recording of frames, {found}: --market replay FILE"])
    if source is not Source.REPLAY and recording is not None:
        raise SettingsError([f"{recording}: only --market replay takes a file"])


def check_elsewhere(plan: Plan) -> None:
    """Return when every server that the environment names answers.

    Raises:
        Unavailable: one does not.
    """
    for name, (host, port) in plan.elsewhere().items():
        if not answers(port, host):
            raise Unavailable(f"{name} names {host}:{port}, where nothing answers: start it, or set or unset {name}")


def _locked(layout: Layout) -> FileLock:
    lock = FileLock(layout.lock)
    if not lock.take():
        status = read_json(layout.status, Status)
        who = f", pid {status.pid}" if status else ""
        what_to_do = "`twilight down` ends it, or name another folder with --data"
        raise SettingsError([f"{layout.root} is in use by another twilight up{who}: {what_to_do}"])
    return lock


def _wanted(
    settings: UpSettings, layout: Layout, source: Source, recording: Path | None, traders: int, screen: Screen
) -> Wanted:
    check_disk(layout.root)
    address = api_address(settings.api_addr)
    jars = {
        name: artifacts.fetch(lock, settings.downloads, screen.progress) for name, lock in _own_java(settings).items()
    }
    ports = assign(read_json(layout.ports, dict[str, int]) or {})
    write_json(layout.ports, ports)
    layout.venue_urls.unlink(missing_ok=True)
    return Wanted(
        settings=settings.model_copy(update={"api_addr": address}),
        layout=layout,
        source=source,
        recording=recording,
        traders=traders,
        lenders=int(traders > 0),
        ports=ports,
        jars=jars,
    )


def _own_java(settings: UpSettings) -> dict[str, str]:
    """Return the servers whose archives we need, with their lock files."""
    ours = {"kafka": not settings.broker, "questdb": not settings.questdb_url}
    locks = {"kafka": settings.kafka_lock, "questdb": "questdb"}
    return {name: lock for name, lock in locks.items() if ours[name]}


async def _run(plan: Plan, layout: Layout, source: Source, screen: Screen) -> None:
    probe = Probe()
    supervisor = Supervisor(plan.parts, probe)
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, supervisor.stop)
    observer = Observer(supervisor, probe, source.value, layout.root, plan.addresses)
    _write(layout, observer.status("starting"))
    running = asyncio.create_task(supervisor.run())
    try:
        await _show(running, plan, observer, layout, screen)
    finally:
        supervisor.stop()
        await asyncio.gather(running, return_exceptions=True)
        _write(layout, observer.status("stopped"))
        await probe.close()
    running.result()
    screen.say("stopped; everything is kept, `twilight up` goes on with it")


async def _show(running: asyncio.Task[None], plan: Plan, observer: Observer, layout: Layout, screen: Screen) -> None:
    """Show and write the status every second while the supervisor runs."""
    were_shown = False
    while not running.done():
        status = await observer.look()
        if status.is_ready and not were_shown:
            _say_addresses(plan, screen)
            were_shown = True
        status.addresses = plan.addresses
        screen.show(status)
        _write(layout, status)
        await asyncio.wait([running], timeout=SHOW_S)


def _write(layout: Layout, status: Status) -> None:
    """Write the status for other terminals; on a full disk the old one stays, and the screen tells why."""
    with contextlib.suppress(OSError):
        write_json(layout.status, status)


def _say_addresses(plan: Plan, screen: Screen) -> None:
    screen.say("the exchange is ready; Ctrl-C stops it")
    for name, address in plan.addresses.items():
        screen.say(f"  {name:10} {without_password(address)}")
