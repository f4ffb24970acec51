"""Bybit v5 spot: topic `orderbook.1.<symbol>`, always a snapshot of the best level."""

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

PREFIX = "orderbook.1."
RESTARTED_ID = 1


class _Book(msgspec.Struct, gc=False):
    b: list[list[str]]
    a: list[list[str]]
    u: int | None = None


class _Frame(msgspec.Struct, gc=False):
    topic: str
    type: str
    data: _Book
    ts: int | None = None
    cts: int | None = None


def decoder(symbols: Sequence[str]) -> Decoder:
    """Return the decoder of one connection. Anything but a snapshot with both sides is no quote."""
    topics = {PREFIX + symbol: symbol for symbol in symbols}
    frames = msgspec.json.Decoder(_Frame).decode

    def quotes(frame: Frame) -> Signals:
        found = frames(frame)
        symbol = topics.get(found.topic)
        if symbol is None or found.type != "snapshot":
            return IGNORED
        book = found.data
        if not book.b or not book.a or len(book.b[0]) < 2 or len(book.a[0]) < 2:  # noqa: PLR2004 - price, size
            return IGNORED
        (bid, bid_size, *_), (ask, ask_size, *_) = book.b[0], book.a[0]
        time_ms = found.ts if found.cts is None else found.cts
        exchange_us = None if time_ms is None else time_ms * 1_000
        restarts = book.u == RESTARTED_ID
        return (TopOfBook(symbol, price_e8(bid), price_e8(ask), bid_size, ask_size, exchange_us, book.u, restarts),)

    def controls(value: object) -> Signals:
        message = members(value)
        if message.get("op") in {"ping", "pong"}:
            return ALIVE
        if message.get("success") is False:
            text = message.get("ret_msg")
            return control(ControlKind.REFUSED, text, symbol_in(text, symbols))
        if message.get("success") is True:
            return control(ControlKind.SUBSCRIBED, message.get("req_id"))
        topic = message.get("topic")
        ours = isinstance(topic, str) and topic in topics
        return IGNORED if message and not ours else BAD_QUOTE

    return reader(quotes, controls)


def subscribe(url: str, symbols: Sequence[str]) -> list[str]:
    """Return one message for each product."""
    del url
    return [
        compact({"op": "subscribe", "args": [PREFIX + symbol], "req_id": str(number)})
        for number, symbol in enumerate(symbols, start=1)
    ]


BYBIT = Venue(
    name="bybit",
    url="wss://stream.bybit.com/v5/public/spot",
    symbol="BTCUSDT",
    quote="USDT",
    decoder=decoder,
    subscribe=subscribe,
    keep_alive=KeepAlive(every_s=20, text='{"op":"ping"}', only_when_quiet=False),
)
