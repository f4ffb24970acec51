"""OKX v5: channel `bbo-tbt`, tick by tick; the slower `tickers` is understood as well."""

from collections.abc import Sequence

import msgspec

from twilight.feeder.venues.shape import (
    ALIVE,
    BAD_QUOTE,
    IGNORED,
    ControlKind,
    Decoder,
    Frame,
    KeepAlive,
    Signals,
    TopOfBook,
    Venue,
    compact,
    control,
    members,
    price_e8,
    reader,
    symbol_in,
)

CHANNELS = frozenset({"bbo-tbt", "tickers"})
CLOSING_SOON = "64008"


class _Argument(msgspec.Struct, gc=False):
    channel: str
    instId: str = ""  # noqa: N815 - the venue's name


class _Entry(msgspec.Struct, gc=False):
    ts: str
    bids: list[list[str]] = []
    asks: list[list[str]] = []
    bidPx: str | None = None  # noqa: N815 - the venue's names
    askPx: str | None = None  # noqa: N815
    bidSz: str | None = None  # noqa: N815
    askSz: str | None = None  # noqa: N815
    seqId: int | None = None  # noqa: N815


class _Frame(msgspec.Struct, gc=False):
    arg: _Argument
    data: list[_Entry]


def decoder(symbols: Sequence[str]) -> Decoder:
    """Return the decoder of one connection. A book with an empty side is no quote."""
    wanted = frozenset(symbols)
    frames = msgspec.json.Decoder(_Frame).decode

    def quotes(frame: Frame) -> Signals:
        found = frames(frame)
        symbol = found.arg.instId
        if symbol not in wanted or found.arg.channel not in CHANNELS:
            return IGNORED
        read = _book if found.arg.channel == "bbo-tbt" else _ticker
        return [quote for entry in found.data[:1] if (quote := read(symbol, entry))] or IGNORED

    def controls(value: object) -> Signals:
        message = members(value)
        argument = members(message.get("arg"))
        match message.get("event"):
            case "subscribe":
                named = symbol_in(argument.get("instId"), symbols)
                return control(ControlKind.SUBSCRIBED, argument.get("channel"), named)
            case "error":
                text = message.get("msg")
                return control(ControlKind.REFUSED, f"{message.get('code')} {text}", symbol_in(text, symbols))
            case "notice":
                kind = ControlKind.RECONNECT if message.get("code") == CLOSING_SOON else ControlKind.IGNORED
                return control(kind, message.get("msg"))
        ours = argument.get("instId") in wanted and argument.get("channel") in CHANNELS
        return IGNORED if message and not ours else BAD_QUOTE

    decode = reader(quotes, controls)
    return lambda frame: ALIVE if frame in {"pong", b"pong"} else decode(frame)


def _book(symbol: str, entry: _Entry) -> TopOfBook | None:
    if not entry.bids or not entry.asks or not entry.bids[0] or not entry.asks[0]:
        return None
    bid, ask = entry.bids[0], entry.asks[0]
    time_us = int(entry.ts) * 1_000
    return TopOfBook(symbol, price_e8(bid[0]), price_e8(ask[0]), _size(bid), _size(ask), time_us, entry.seqId)


def _size(level: Sequence[str]) -> str | None:
    return level[1] if len(level) > 1 else None


def _ticker(symbol: str, entry: _Entry) -> TopOfBook | None:
    if not entry.bidPx or not entry.askPx:
        return None
    time_us = int(entry.ts) * 1_000
    return TopOfBook(
        symbol, price_e8(entry.bidPx), price_e8(entry.askPx), entry.bidSz, entry.askSz, time_us, entry.seqId
    )


def subscribe(url: str, symbols: Sequence[str]) -> list[str]:
    """Return one message for each product."""
    del url
    return [compact({"op": "subscribe", "args": [{"channel": "bbo-tbt", "instId": symbol}]}) for symbol in symbols]


OKX = Venue(
    name="okx",
    url="wss://ws.okx.com:8443/ws/v5/public",
    symbol="BTC-USDT",
    quote="USDT",
    decoder=decoder,
    subscribe=subscribe,
    keep_alive=KeepAlive(every_s=20, text="ping"),
)
