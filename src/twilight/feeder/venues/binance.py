"""Binance spot: stream `<symbol>@bookTicker`, combined (named in the URL) or subscribed by message."""

from collections.abc import Sequence

import msgspec

from twilight.feeder.venues.shape import (
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
)

STREAM = "@bookTicker"
HOUR_S = 3_600


class _BookTicker(msgspec.Struct, gc=False):
    u: int
    s: str
    b: str
    a: str
    B: str | None = None
    A: str | None = None


class _Combined(msgspec.Struct, gc=False):
    stream: str
    data: _BookTicker


def decoder(symbols: Sequence[str]) -> Decoder:
    """Return the decoder of one connection. Spot frames carry no time; their ids only grow."""
    streams = {symbol.lower() + STREAM: symbol for symbol in symbols}
    wanted = frozenset(symbols)
    combined = msgspec.json.Decoder(_Combined).decode
    tickers = msgspec.json.Decoder(_BookTicker).decode

    def quotes(frame: Frame) -> Signals:
        if b'"stream"' in frame if isinstance(frame, bytes) else '"stream"' in frame:
            outer = combined(frame)
            if outer.stream not in streams:
                return IGNORED
            found = outer.data
        else:
            found = tickers(frame)
        if found.s not in wanted:
            return IGNORED
        return (TopOfBook(found.s, price_e8(found.b), price_e8(found.a), found.B, found.A, None, found.u),)

    def controls(value: object) -> Signals:
        message = members(value)
        inner = members(message.get("data", message))
        if inner.get("e") == "serverShutdown":
            return control(ControlKind.RECONNECT, "serverShutdown")
        if "error" in message:
            return control(ControlKind.REFUSED, message["error"])
        if "result" in message:
            return control(ControlKind.SUBSCRIBED, message.get("id"))
        if message.get("stream") in streams or ("stream" not in message and _ours(inner, wanted)):
            return BAD_QUOTE
        return IGNORED if message else BAD_QUOTE

    return reader(quotes, controls)


def _ours(inner: object, wanted: frozenset[str]) -> bool:
    ticker = members(inner)
    return ticker.get("s") in wanted and isinstance(ticker.get("b"), str) and isinstance(ticker.get("a"), str)


def subscribe(url: str, symbols: Sequence[str]) -> list[str]:
    """Return nothing when the URL names the streams, else one message for each product."""
    if "streams=" in url:
        return []
    return [
        compact({"method": "SUBSCRIBE", "params": [symbol.lower() + STREAM], "id": number})
        for number, symbol in enumerate(symbols, start=1)
    ]


BINANCE = Venue(
    name="binance",
    url="wss://stream.binance.com:9443/stream?streams={symbol}@bookTicker",
    symbol="BTCUSDT",
    quote="USDT",
    decoder=decoder,
    subscribe=subscribe,
    limits=Limits(age_max_s=24 * HOUR_S),
)
