"""Bitfinex v2: channel `ticker`; data arrays carry a channel number that the subscription reply names."""

from collections.abc import Sequence

import msgspec

from twilight.feeder.venues.shape import (
    ALIVE,
    BAD_QUOTE,
    IGNORED,
    ControlKind,
    Decoder,
    Frame,
    Limits,
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

INFO_KINDS = {20051: ControlKind.RECONNECT, 20060: ControlKind.PAUSED, 20061: ControlKind.RECONNECT}
"""Server restart, maintenance begins, maintenance over: the last asks for new subscriptions."""


class _Ticker(msgspec.Struct, array_like=True, gc=False):
    bid: msgspec.Raw
    bid_size: msgspec.Raw
    ask: msgspec.Raw
    ask_size: msgspec.Raw


class _Frame(msgspec.Struct, array_like=True, gc=False):
    channel: int
    ticker: _Ticker


def decoder(symbols: Sequence[str]) -> Decoder:
    """Return the decoder of one connection; it remembers the channel numbers of its subscriptions."""
    channels: dict[int, str] = {}
    frames = msgspec.json.Decoder(_Frame).decode

    def quotes(frame: Frame) -> Signals:
        found = frames(frame)
        symbol = channels.get(found.channel)
        if symbol is None:
            return IGNORED
        ticker = found.ticker
        return (
            TopOfBook(
                symbol,
                price_e8(str(ticker.bid, "ascii")),
                price_e8(str(ticker.ask, "ascii")),
                str(ticker.bid_size, "ascii"),
                str(ticker.ask_size, "ascii"),
            ),
        )

    def controls(value: object) -> Signals:
        if isinstance(value, list):
            return _array(value, channels)
        message = members(value)
        match message.get("event"):
            case "subscribed":
                return _subscribed(message, symbols, channels)
            case "error":
                named = symbol_in(message.get("symbol"), symbols)
                return control(ControlKind.REFUSED, message.get("msg"), named)
            case "info":
                return _info(message)
        return IGNORED if message else BAD_QUOTE

    return reader(quotes, controls)


def _array(value: Sequence[object], channels: dict[int, str]) -> Signals:
    if value[1:2] == ["hb"]:
        return ALIVE
    ours = bool(value) and isinstance(value[0], int) and value[0] in channels
    return BAD_QUOTE if ours else IGNORED


def _subscribed(message: object, symbols: Sequence[str], channels: dict[int, str]) -> Signals:
    reply = members(message)
    number, symbol = reply.get("chanId"), reply.get("symbol")
    if reply.get("channel") != "ticker" or not isinstance(number, int) or symbol not in symbols:
        return IGNORED
    channels[number] = str(symbol)
    return control(ControlKind.SUBSCRIBED, number, str(symbol))


def _info(message: object) -> Signals:
    info = members(message)
    code = info.get("code")
    if isinstance(code, int) and code in INFO_KINDS:
        return control(INFO_KINDS[code], f"{code} {info.get('msg', '')}".strip())
    if members(info.get("platform")).get("status") == 0:
        return control(ControlKind.PAUSED, "platform in maintenance")
    return IGNORED


def subscribe(url: str, symbols: Sequence[str]) -> list[str]:
    """Return one message for each product."""
    del url
    return [compact({"event": "subscribe", "channel": "ticker", "symbol": symbol}) for symbol in symbols]


BITFINEX = Venue(
    name="bitfinex",
    url="wss://api-pub.bitfinex.com/ws/2",
    symbol="tBTCUSD",
    quote="USD",
    decoder=decoder,
    subscribe=subscribe,
    limits=Limits(backoff_floor_s=3.5),
    quote_stale_ms=15_000,
    link_stale_ms=20_000,  # its heartbeat comes every 15 s
)
