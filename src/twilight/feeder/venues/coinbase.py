"""Coinbase Exchange: channel `ticker`, with `heartbeat` to keep quiet minutes alive."""

from collections.abc import Sequence

import msgspec

from twilight.feeder.venues.shape import (
    ALIVE,
    BAD_QUOTE,
    IGNORED,
    ControlKind,
    Decoder,
    Frame,
    Moment,
    Signals,
    TopOfBook,
    Venue,
    compact,
    control,
    members,
    microseconds,
    price_e8,
    reader,
    symbol_in,
)


class _Ticker(msgspec.Struct, tag_field="type", tag="ticker", gc=False):
    product_id: str
    best_bid: str
    best_ask: str
    best_bid_size: str | None = None
    best_ask_size: str | None = None
    time: Moment | None = None


def decoder(symbols: Sequence[str]) -> Decoder:
    """Return the decoder of one connection."""
    wanted = frozenset(symbols)
    ticker = msgspec.json.Decoder(_Ticker).decode

    def quotes(frame: Frame) -> Signals:
        found = ticker(frame)
        if found.product_id not in wanted:
            return IGNORED
        return (
            TopOfBook(
                found.product_id,
                price_e8(found.best_bid),
                price_e8(found.best_ask),
                found.best_bid_size,
                found.best_ask_size,
                None if found.time is None else microseconds(found.time),
            ),
        )

    def controls(value: object) -> Signals:
        message = members(value)
        match message.get("type"):
            case "heartbeat":
                return ALIVE
            case "subscriptions":
                return control(ControlKind.SUBSCRIBED, message.get("channels"))
            case "error":
                text = f"{message.get('message')}: {message.get('reason')}"
                return control(ControlKind.REFUSED, text, symbol_in(text, symbols))
            case "ticker":
                return BAD_QUOTE if message.get("product_id") in wanted else IGNORED
        return IGNORED if message else BAD_QUOTE

    return reader(quotes, controls)


def subscribe(url: str, symbols: Sequence[str]) -> list[str]:
    """Return one message for each product."""
    del url
    channels = ["ticker", "heartbeat"]
    return [compact({"type": "subscribe", "product_ids": [symbol], "channels": channels}) for symbol in symbols]


COINBASE = Venue(
    name="coinbase",
    url="wss://ws-feed.exchange.coinbase.com",
    symbol="BTC-USD",
    quote="USD",
    decoder=decoder,
    subscribe=subscribe,
    conversion={"USDT": "USDT-USD"},
)
