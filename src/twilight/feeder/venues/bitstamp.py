"""Bitstamp: channel `order_book_<pair>`, the full top of the book each time."""

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

PREFIX = "order_book_"
DAY_S = 86_400


class _Book(msgspec.Struct, gc=False):
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    microtimestamp: str | None = None


class _Frame(msgspec.Struct, tag_field="event", tag="data", gc=False):
    channel: str
    data: _Book


def decoder(symbols: Sequence[str]) -> Decoder:
    """Return the decoder of one connection. A book with an empty side is no quote."""
    channels = {PREFIX + symbol: symbol for symbol in symbols}
    frames = msgspec.json.Decoder(_Frame).decode

    def quotes(frame: Frame) -> Signals:
        found = frames(frame)
        symbol = channels.get(found.channel)
        if symbol is None:
            return IGNORED
        book = found.data
        if not book.bids or not book.asks:
            return IGNORED
        (bid, bid_size), (ask, ask_size) = book.bids[0], book.asks[0]
        exchange_us = None if book.microtimestamp is None else int(book.microtimestamp)
        return (TopOfBook(symbol, price_e8(bid), price_e8(ask), bid_size, ask_size, exchange_us),)

    def controls(value: object) -> Signals:
        message = members(value)
        channel = message.get("channel")
        symbol = channels.get(channel) if isinstance(channel, str) else None
        match message.get("event"):
            case "bts:subscription_succeeded":
                return control(ControlKind.SUBSCRIBED, channel, symbol)
            case "bts:error":
                return control(ControlKind.REFUSED, message.get("data"), symbol)
            case "bts:request_reconnect":
                return control(ControlKind.RECONNECT, "bts:request_reconnect")
            case "bts:heartbeat":
                return ALIVE
            case "data":
                return BAD_QUOTE if symbol is not None else IGNORED
        return IGNORED if message else BAD_QUOTE

    return reader(quotes, controls)


def subscribe(url: str, symbols: Sequence[str]) -> list[str]:
    """Return one message for each product."""
    del url
    return [compact({"event": "bts:subscribe", "data": {"channel": PREFIX + symbol}}) for symbol in symbols]


BITSTAMP = Venue(
    name="bitstamp",
    url="wss://ws.bitstamp.net",
    symbol="btcusd",
    quote="USD",
    decoder=decoder,
    subscribe=subscribe,
    conversion={"USDT": "usdtusd"},
    keep_alive=KeepAlive(every_s=30, text='{"event":"bts:heartbeat"}'),
    limits=Limits(age_max_s=90 * DAY_S),
)
