"""Bitstamp v2: channel ``order_book_<pair>``, the full top of the book each time."""

from collections.abc import Mapping
from typing import ClassVar

from twilight.local.venues.model import BTC, USDT, Link, Quote, Venue, dump, levels, parse, word

_CHANNEL = "order_book_"


class Bitstamp(Venue):
    """Speaks ``wss://ws.bitstamp.net``."""

    name = "bitstamp"
    symbols: ClassVar[Mapping[str, str]] = {BTC: "btcusd", USDT: "usdtusd"}

    def receive(self, link: Link, text: str) -> list[str]:
        """Answer one channel a message, and the client's heartbeat."""
        message = parse(text) or {}
        event = word(message, "event")
        if event == "bts:heartbeat":
            return [_event("bts:heartbeat", "", {"status": "success"})]
        data = message.get("data")
        channel = str(data.get("channel", "")) if isinstance(data, dict) else ""
        product = self.product_of(channel.removeprefix(_CHANNEL)) if channel.startswith(_CHANNEL) else None
        if product is None or event not in {"bts:subscribe", "bts:unsubscribe"}:
            fault = {"code": None, "message": f"Bad subscription string: {channel or event}"}
            return [_event("bts:error", channel, fault)]
        if event == "bts:subscribe":
            link.products.add(product)
            return [_event("bts:subscription_succeeded", channel, {})]
        link.products.discard(product)
        return [_event("bts:unsubscription_succeeded", channel, {})]

    def quote(self, quote: Quote) -> str:
        """Return an ``order_book`` frame of depth one."""
        data = {
            "timestamp": str(quote.time_us // 1_000_000),
            "microtimestamp": str(quote.time_us),
            "bids": levels(quote.bid, quote.bid_size),
            "asks": levels(quote.ask, quote.ask_size),
        }
        return _event("data", _CHANNEL + self.symbols[quote.product], data)


def _event(event: str, channel: str, data: Mapping[str, object]) -> str:
    return dump({"event": event, "channel": channel, "data": data})
