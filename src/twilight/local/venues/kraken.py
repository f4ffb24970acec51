"""Kraken v2: channel ``ticker`` with the event trigger ``bbo``; prices are JSON numbers."""

from collections.abc import Mapping
from typing import ClassVar

from twilight.local.venues.model import (
    BTC,
    USDT,
    Link,
    Quote,
    Venue,
    dump,
    number,
    parse,
    rfc3339,
    texts,
    word,
)


class Kraken(Venue):
    """Speaks ``wss://ws.kraken.com/v2``."""

    name = "kraken"
    path = "/v2"
    symbols: ClassVar[Mapping[str, str]] = {BTC: "BTC/USD", USDT: "USDT/USD"}
    heartbeat_ms = 1_000
    beat_marker = '"heartbeat"}'

    def greet(self, link: Link) -> list[str]:
        """Tell that the trading system is online."""
        del link
        system = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": 1}
        return [dump({"channel": "status", "type": "update", "data": [system]})]

    def receive(self, link: Link, text: str) -> list[str]:
        """Answer ping, subscribe (one reply a symbol) and unsubscribe."""
        message = parse(text)
        method = word(message, "method")
        if message is None or method not in {"ping", "subscribe", "unsubscribe"}:
            return [self._reply(message, success=False, error="Unsupported method")]
        if method == "ping":
            return [self._reply({"method": "pong", "req_id": message.get("req_id")})]
        params = message.get("params")
        wanted = params if isinstance(params, dict) else {}
        if wanted.get("channel") != "ticker":
            return [self._reply(message, success=False, error="Channel is not supported")]
        return [self._change(link, message, symbol) for symbol in texts(wanted.get("symbol"))]

    def quote(self, quote: Quote) -> str:
        """Return a ``ticker`` frame: a snapshot first, updates afterwards."""
        bid, ask = number(quote.bid), number(quote.ask)
        data = {
            "symbol": self.symbols[quote.product],
            "bid": bid,
            "bid_qty": number(quote.bid_size),
            "ask": ask,
            "ask_qty": number(quote.ask_size),
            "last": bid,
            "volume": 3105.2,
            "timestamp": rfc3339(quote.time_us),
        }
        kind = "snapshot" if quote.first else "update"
        return dump({"channel": "ticker", "type": kind, "data": [data]})

    def beats(self, now_us: int) -> list[str]:
        """Return the one heartbeat of the connection."""
        del now_us
        return [dump({"channel": "heartbeat"})]

    def _change(self, link: Link, message: dict[str, object], symbol: str) -> str:
        product = self.product_of(symbol)
        if product is None:
            error = f"Currency pair not supported {symbol}"
            return self._reply(message, success=False, error=error, symbol=symbol)
        change = link.products.add if message["method"] == "subscribe" else link.products.discard
        change(product)
        result = {"channel": "ticker", "event_trigger": "bbo", "snapshot": True, "symbol": symbol}
        return self._reply(message, success=True, result=result)

    @staticmethod
    def _reply(message: dict[str, object] | None, **members: object) -> str:
        asked = {key: message[key] for key in ("method", "req_id") if message and message.get(key) is not None}
        return dump({**asked, **members})
