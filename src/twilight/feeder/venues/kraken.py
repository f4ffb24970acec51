"""Kraken v2: channel `ticker`, sent whenever the best bid or offer changes."""

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

STATUS_KINDS = {
    "online": ControlKind.RESUMED,
    "maintenance": ControlKind.PAUSED,
    "cancel_only": ControlKind.PAUSED,
    "post_only": ControlKind.PAUSED,
}


class _Ticker(msgspec.Struct, gc=False):
    symbol: str
    bid: msgspec.Raw
    ask: msgspec.Raw
    bid_qty: msgspec.Raw = msgspec.Raw(b"")
    ask_qty: msgspec.Raw = msgspec.Raw(b"")
    timestamp: Moment | None = None


class _Frame(msgspec.Struct, tag_field="channel", tag="ticker", gc=False):
    data: list[_Ticker]


def _quote(ticker: _Ticker) -> TopOfBook:
    return TopOfBook(
        ticker.symbol,
        price_e8(str(ticker.bid, "ascii")),
        price_e8(str(ticker.ask, "ascii")),
        str(ticker.bid_qty, "ascii") or None,
        str(ticker.ask_qty, "ascii") or None,
        None if ticker.timestamp is None else microseconds(ticker.timestamp),
    )


def decoder(symbols: Sequence[str]) -> Decoder:
    """Return the decoder of one connection. Prices are JSON numbers, read from their text."""
    wanted = frozenset(symbols)
    tickers = msgspec.json.Decoder(_Frame).decode

    def quotes(frame: Frame) -> Signals:
        return [_quote(ticker) for ticker in tickers(frame).data if ticker.symbol in wanted] or IGNORED

    def controls(value: object) -> Signals:
        message = members(value)
        if "method" in message:
            return _reply(message, symbols)
        match message.get("channel"):
            case "heartbeat":
                return ALIVE
            case "status":
                return _status(message.get("data"))
            case "ticker":
                return BAD_QUOTE
        return IGNORED if message else BAD_QUOTE

    return reader(quotes, controls)


def _reply(message: dict[str, object] | object, symbols: Sequence[str]) -> Signals:
    reply = members(message)
    if reply.get("method") == "pong":
        return ALIVE
    if reply.get("success") is False:
        named = symbol_in(reply.get("symbol"), symbols)
        return control(ControlKind.REFUSED, f"{reply.get('method')}: {reply.get('error')}", named)
    subscribed = members(reply.get("result")).get("symbol")
    return control(ControlKind.SUBSCRIBED, reply.get("method"), symbol_in(subscribed, symbols))


def _status(data: object) -> Signals:
    """Where nothing can be matched quotes are no prices; a status that says nothing of that changes nothing."""
    system = members(data[0]).get("system") if isinstance(data, list) and data else None
    kind = STATUS_KINDS.get(system) if isinstance(system, str) else None
    return IGNORED if kind is None else control(kind, system)


def subscribe(url: str, symbols: Sequence[str]) -> list[str]:
    """Return one message for each product."""
    del url
    return [
        compact(
            {
                "method": "subscribe",
                "params": {"channel": "ticker", "symbol": [symbol], "event_trigger": "bbo"},
                "req_id": number,
            }
        )
        for number, symbol in enumerate(symbols, start=1)
    ]


KRAKEN = Venue(
    name="kraken",
    url="wss://ws.kraken.com/v2",
    symbol="BTC/USD",
    quote="USD",
    decoder=decoder,
    subscribe=subscribe,
    conversion={"USDT": "USDT/USD"},
    keep_alive=KeepAlive(every_s=20, text='{"method":"ping"}'),
)
