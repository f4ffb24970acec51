"""A live table of the venues, from a running feeder's `/v1/sources`."""

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import httpx
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from twilight.ops.errors import Unavailable

REFRESH_S: Final = 0.25
ASK_WITHIN_S: Final = 2.0
STATE_STYLES: Final = {
    "OK": "green",
    "CLAMPED": "yellow",
    "OUTLIER": "red",
    "QUARANTINED": "red",
    "STALE": "magenta",
    "DOWN": "bright_black",
}
STATUS_STYLES: Final = {"HEALTHY": "bold green", "DEGRADED": "bold yellow", "HOLD": "bold red", "HALTED": "bold red"}


class Column(NamedTuple):
    """A column: its title, the member of the detail object, its least width; figures stand to the right."""

    title: str
    key: str
    width: int
    is_figure: bool = True


COLUMNS: Final = (
    Column("venue", "name", 8, is_figure=False),
    Column("state", "state", 11, is_figure=False),
    Column("price", "price", 9),
    Column("bps", "deviation_bps", 7),
    Column("age ms", "quote_age_ms", 6),
    Column("link", "link_age_ms", 5),
    Column("lag", "lag_ms", 5),
    Column("reconn", "reconnects", 6),
)
MORE_COLUMNS: Final = (
    Column("bid", "bid", 9),
    Column("ask", "ask", 9),
    Column("frames", "frames", 7),
    Column("bad", "bad_frames", 4),
    Column("last error", "last_error", 10, is_figure=False),
)
MONEY: Final = frozenset({"price", "bid", "ask"})
WIDE: Final = 130

Json = Mapping[str, Any]


def fetch(client: httpx.Client, base_url: str) -> Json:
    """Return what the feeder shows of its sources.

    Raises:
        Unavailable: no feeder answers there.
    """
    try:
        answer: Json = client.get(f"{base_url}/v1/sources", timeout=ASK_WITHIN_S).json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"no feeder answers at {base_url}: {error}") from None
    return answer


def render(sources: Json, width: int) -> RenderableType:
    """Return the table of one moment, with more columns where there is room for them."""
    columns = COLUMNS + MORE_COLUMNS if width >= WIDE else COLUMNS
    table = Table(header_style="bold", padding=(0, 1))
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.is_figure else "left"
        table.add_column(column.title, justify=justify, no_wrap=True, min_width=column.width)
    for detail in sources["sources"]:
        table.add_row(*(Text(_text(column.key, detail), style=_style(column.key, detail)) for column in columns))
    return Group(_headline(sources), table)


def watch(base_url: str, console: Console, *, once: bool = False) -> None:
    """Show the table until interrupted, or once."""
    with httpx.Client() as client:
        if once:
            console.print(render(fetch(client, base_url), console.width))
            return
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(render(fetch(client, base_url), console.width), refresh=True)
                time.sleep(REFRESH_S)


def _text(key: str, detail: Json) -> str:
    value = detail[key]
    if value is None:
        return ""
    if key in MONEY:
        return f"{Decimal(value):.2f}"
    return f"{value:+.2f}" if isinstance(value, float) else str(value)


def _style(key: str, detail: Json) -> str:
    return STATE_STYLES.get(detail["state"], "red") if key == "state" else ""


def _headline(sources: Json) -> Text:
    tick = sources["tick"]
    if tick is None:
        return Text("no tick yet")
    rates = "  ".join(f"{currency} {rate}" for currency, rate in sources["rates"].items())
    flags = " ".join(tick["flags"])
    return Text.assemble(
        (f"{tick['pair']} {tick['price'] or 'no price yet'}  ", "bold"),
        (f"{tick['status']}  ", STATUS_STYLES.get(tick["status"], "bold")),
        f"n {tick['n']} ({tick['n_usd']} USD)  median {sources['median']}  "
        f"dispersion {tick['dispersion_cbps'] / 100:.2f} bps  {rates}  seq {tick['seq']}  "
        f"clients {sources['clients']}  {flags}",
    )
