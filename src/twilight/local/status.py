"""What the supervisor knows of the exchange, and how it reads: one JSON document, one line, one table. Pure."""

from enum import StrEnum
from textwrap import shorten
from urllib.parse import urlsplit, urlunsplit

import msgspec

SATS_PER_BTC = 100_000_000
DETAIL_WIDTH = 70


def without_password(address: str) -> str:
    """Return the address as it may be shown: who reads a screen must not learn the password."""
    parts = urlsplit(address)
    if not parts.password:
        return address
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


class Phase(StrEnum):
    """Where a part is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    EXTERNAL = "external"


class PartStatus(msgspec.Struct):
    """One part; lag is how far it is behind what it reads, `born_s` the start of its process in unix seconds."""

    name: str
    state: Phase = Phase.WAITING
    pid: int | None = None
    born_s: float | None = None
    restarts: int = 0
    lag_records: int | None = None
    lag_s: float | None = None
    detail: str = ""

    @property
    def is_well(self) -> bool:
        """Return whether the part does its work."""
        return self.state in (Phase.READY, Phase.EXTERNAL)


class Market(msgspec.Struct):
    """The exchange in figures; `sequence` is the offset of the newest event that the core holds."""

    source: str
    price: float | None = None
    feed_status: str | None = None
    tick_seq: int | None = None
    sequence: int | None = None
    state_hash: str | None = None
    state_hash_sequence: int | None = None
    open_interest_sats: int | None = None
    orders: int | None = None
    trades: int = 0
    last_trade: str = ""


class Status(msgspec.Struct):
    """Everything that `twilight status` shows; `alarm` is what the operator must see to now."""

    state: str
    pid: int
    started_at: str
    data: str
    market: Market
    addresses: dict[str, str]
    parts: list[PartStatus]
    alarm: str = ""

    @property
    def is_ready(self) -> bool:
        """Return whether every part does its work."""
        return all(part.is_well for part in self.parts)


def line(status: Status) -> str:
    """Return the status line: market, price, open interest, sequence, lag, trades, every part."""
    market = status.market
    lags = [part for part in status.parts if part.lag_records is not None]
    lag_records = max((part.lag_records or 0 for part in lags), default=0)
    lag_s = max((part.lag_s or 0.0 for part in lags), default=0.0)
    pieces = [
        f"{market.source} market",
        "no price yet" if market.price is None else f"{market.price:,.2f} USD {market.feed_status}",
        f"OI {_btc(market.open_interest_sats)}",
        f"seq {_count(market.sequence)}",
        f"lag {lag_records} / {lag_s:.1f} s",
        f"{market.trades} trades" + (f" ({market.last_trade})" if market.last_trade else ""),
        " ".join(_word(part) for part in status.parts),
    ]
    return " | ".join([status.alarm, *pieces] if status.alarm else pieces)


def table(status: Status) -> str:
    """Return the answer of `twilight status`: the line's figures and a row for each part."""
    market = status.market
    head = [
        f"twilight {status.state}, pid {status.pid}, since {status.started_at}, data in {status.data}",
        *([status.alarm] if status.alarm else []),
        f"market {market.source}, price {_dollars(market.price)} {market.feed_status or ''}".rstrip(),
        f"sequence {_count(market.sequence)}, open interest {_btc(market.open_interest_sats)}, trades {market.trades}",
        f"state hash {market.state_hash or 'not yet known'} at sequence {_count(market.state_hash_sequence)}",
        *(f"{name:10} {without_password(address)}" for name, address in status.addresses.items()),
        f"{'part':10} {'state':11} {'pid':>8} {'restarts':>8} {'lag records':>11} {'lag s':>7}  detail",
    ]
    return "\n".join([*head, *(_row(part) for part in status.parts)])


def _row(part: PartStatus) -> str:
    lag_s = "-" if part.lag_s is None else f"{part.lag_s:.1f}"
    figures = f"{part.pid or '-':>8} {part.restarts:>8} {_count(part.lag_records):>11} {lag_s:>7}"
    return f"{part.name:10} {part.state:11} {figures}  {part.detail}".rstrip()


def _word(part: PartStatus) -> str:
    """Return one part in the line: a tick when it is well, else what it does and why."""
    times = f" x{part.restarts}" if part.restarts else ""
    if part.is_well:
        return f"{part.name} ok{times}"
    why = f": {shorten(part.detail, DETAIL_WIDTH, placeholder=' ..')}" if part.detail else ""
    return f"{part.name} {part.state.upper()}{times}{why}"


def _btc(sats: int | None) -> str:
    return "-" if sats is None else f"{sats / SATS_PER_BTC:.4f} BTC"


def _dollars(price: float | None) -> str:
    return "not yet known" if price is None else f"{price:,.2f} USD"


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
