"""`twilight feeder`: run the price feeder, look at it, and check what it published."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from rich.console import Console

from twilight.domain.index.tick import key_id
from twilight.feeder import check as vector_check
from twilight.feeder import explain as story
from twilight.feeder import keys, recompute, server, source, watch
from twilight.feeder.records import Record
from twilight.feeder.settings import FeederSettings, configure
from twilight.local.addresses import use_addresses
from twilight.local.layout import Layout
from twilight.ops import logs
from twilight.ops.errors import SettingsError, TwilightError
from twilight.ops.settings import load

HOUR_MS: Final = 3_600_000
T = TypeVar("T")

app = typer.Typer(help="The price feeder: eight exchanges in, one signed price out.", no_args_is_help=True)

Files = Annotated[Path | None, typer.Option(help="read records from this file or folder instead of Kafka")]
FromOffset = Annotated[int | None, typer.Option(min=0, help="first offset of the topic to read")]
Data = Annotated[Path, typer.Option(envvar="DATA_DIR", help="folder of the exchange whose topic and key are meant")]
PublicKeys = Annotated[str, typer.Option(help="hex[+hex...]; default: the public half beside FEEDER_KEY_FILE")]


@app.command()
def run() -> None:
    """Run a feeder until SIGTERM; all settings are environment variables (FEEDER_ADDR, BROKER, ...)."""
    config = _or_exit(configure)
    logs.configure("feeder", config.settings.log_level)
    raise typer.Exit(server.main(config))


@app.command()
def check(file: Path) -> None:
    """Run a file of index vectors; print each mismatch and how many ticks were exact."""
    report = _or_exit(lambda: vector_check.check_file(file))
    for line in report.mismatches:
        typer.echo(line)
    typer.echo(f"{report.exact} of {report.total}")
    raise typer.Exit(int(report.exact != report.total or report.total == 0))


@app.command()
def key(
    *,
    rotate: Annotated[bool, typer.Option("--rotate", help="make a new key; restart the feeder to use it")] = False,
    overlap_hours: Annotated[int, typer.Option(min=0, help="how long ticks of the old key stay valid")] = 24,
) -> None:
    """Show the public half of the signing key (made if there is none), or replace the key."""
    path, wall_ms = _or_exit(lambda: load(FeederSettings)).key_file, time.time_ns() // 1_000_000
    signing = _or_exit(lambda: keys.load_or_make(path, wall_ms))
    if rotate:
        signing = signing.rotated(wall_ms, overlap_hours * HOUR_MS)
    typer.echo(f"active  {signing.kid}  {signing.public.hex()}")
    for old in signing.retired(wall_ms):
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(old.valid_until_ms / 1_000))
        typer.echo(f"retired {key_id(bytes.fromhex(old.public))}  {old.public}  valid until {until}")
    typer.echo(f"PRICE_FEED_KEYS entry: {signing.public_line(wall_ms)}")


@app.command("recompute")
def recompute_command(
    files: Files = None,
    public_keys: PublicKeys = "",
    from_offset: FromOffset = None,
    data: Data = Path("data"),
) -> None:
    """Make every recorded tick again and verify its signature; exit 1 names the first that differs."""
    _meet(data)
    auditor = recompute.Auditor(_or_exit(lambda: _public_keys(public_keys)))
    failed = False
    for finding in auditor.audit(_records(files, from_offset)):
        typer.echo(f"{'DIFFERS' if finding.is_difference else 'gap'}: {finding.where}: {finding.what}")
        failed = failed or finding.is_difference
    tally = auditor.tally
    typer.echo(f"{tally.ticks} ticks recomputed, {tally.gaps} gaps, {tally.repeated} repeated")
    raise typer.Exit(int(failed or tally.ticks == 0))


@app.command()
def explain(
    seq: int,
    epoch: Annotated[
        int | None, typer.Option(help="the feeder's start; default: the newest that has this tick")
    ] = None,
    files: Files = None,
    from_offset: FromOffset = None,
    data: Data = Path("data"),
) -> None:
    """Say in words how one tick came about."""
    _meet(data)
    found = story.find(_records(files, from_offset), seq, epoch)
    if found is None:
        typer.echo(f"no record of tick {seq}", err=True)
        raise typer.Exit(1)
    for line in story.explain(*found):
        typer.echo(line)


@app.command("watch")
def watch_command(
    *,
    url: Annotated[str, typer.Option(help="the feeder's address; default: FEEDER_ADDR")] = "",
    once: Annotated[bool, typer.Option("--once", help="print the table once")] = False,
) -> None:
    """Show the venues live: price, age, lag, state, deviation, reconnects."""
    address = url or f"http://{_or_exit(lambda: load(FeederSettings)).feeder_addr}"
    try:
        _or_exit(lambda: watch.watch(address, Console(), once=once))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _meet(data: Path) -> None:
    """Take broker and key from the exchange that runs on this folder, where the environment names none."""
    _or_exit(lambda: use_addresses(data))
    key_file = Layout(data).feeder_key
    if "FEEDER_STATE_DIR" not in os.environ and key_file.exists():
        os.environ.setdefault("FEEDER_KEY_FILE", str(key_file))


def _records(files: Path | None, from_offset: int | None) -> Iterator[Record]:
    settings = _or_exit(lambda: load(FeederSettings))
    if files is None and not settings.broker:
        typer.echo("no exchange runs here: name its folder with --data, records with --files, or set BROKER", err=True)
        raise typer.Exit(2)
    try:
        if files is not None:
            yield from source.from_files(files)
        else:
            yield from source.from_topic(settings.broker, settings.price_feed_topic, start=from_offset)
    except (TwilightError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _public_keys(text: str) -> list[bytes]:
    path = load(FeederSettings).key_file
    public = path.with_name(path.name + ".pub")
    if not text and not public.exists():
        raise SettingsError([f"{public} is not there: name the public keys with --public-keys"])
    line = text or "+".join(public.read_text().split())
    try:
        return [bytes.fromhex(part) for part in line.split("+")]
    except ValueError:
        raise SettingsError([f"public keys must be hex[+hex...], were {line!r}"]) from None


def _or_exit(call: Callable[[], T]) -> T:
    """Return what the call returns; print an error that a user can act on, and exit with 2."""
    try:
        return call()
    except TwilightError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
