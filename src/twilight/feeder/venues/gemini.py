"""Gemini: stream `<symbol>@bookTicker`, times in nanoseconds."""

from collections.abc import Sequence

import msgspec

from twilight.feeder.venues.shape import (
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
)

ERROR_STATUS = 400


class _BookTicker(msgspec.Struct, gc=False):
    s: str
    b: str
    a: str
    B: str | None = None
    A: str | None = None
    E: int | None = None
    u: int | None = None


def decoder(symbols: Sequence[str]) -> Decoder:
    """Return the decoder of one connection. A frame without both sides is no quote."""
    wanted = frozenset(symbols)
    tickers = msgspec.json.Decoder(_BookTicker).decode

    def quotes(frame: Frame) -> Signals:
        found = tickers(frame)
        if found.s not in wanted:
            return IGNORED
        exchange_us = None if found.E is None else found.E // 1_000
        return (TopOfBook(found.s, price_e8(found.b), price_e8(found.a), found.B, found.A, exchange_us, found.u),)

    def controls(value: object) -> Signals:
        message = members(value)
        status = message.get("status")
        if isinstance(status, int):
            kind = ControlKind.REFUSED if status >= ERROR_STATUS else ControlKind.SUBSCRIBED
            return control(kind, message.get("error", status))
        both_sides = isinstance(message.get("b"), str) and isinstance(message.get("a"), str)
        if both_sides and message.get("s") in wanted:
            return BAD_QUOTE
        return IGNORED if message else BAD_QUOTE

    return reader(quotes, controls)


def subscribe(url: str, symbols: Sequence[str]) -> list[str]:
    """Return one message for each product."""
    del url
    return [
        compact({"id": number, "method": "SUBSCRIBE", "params": [f"{symbol}@bookTicker"]})
        for number, symbol in enumerate(symbols, start=1)
    ]


GEMINI = Venue(
    name="gemini",
    url="wss://ws.gemini.com",
    symbol="btcusd",
    quote="USD",
    decoder=decoder,
    subscribe=subscribe,
    keep_alive=KeepAlive(every_s=20),
)
