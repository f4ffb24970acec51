"""Bitfinex v2: channel ``ticker``, arrays behind a channel number, no exchange time."""

from collections.abc import Mapping
from typing import ClassVar

from twilight.local.venues.model import BTC, Link, Quote, Venue, dump, number, parse, word

CHANNEL_ID = 147_794


class Bitfinex(Venue):
    """Speaks ``wss://api-pub.bitfinex.com/ws/2``."""

    name = "bitfinex"
    path = "/ws/2"
    symbols: ClassVar[Mapping[str, str]] = {BTC: "tBTCUSD"}
    heartbeat_ms = 15_000
    beat_marker = '"hb"]'

    def greet(self, link: Link) -> list[str]:
        """Tell the version and that the platform works."""
        del link
        info = {"event": "info", "version": 2, "serverId": "00000000-0000-0000-0000-000000000000"}
        return [dump(info | {"platform": {"status": 1}})]

    def receive(self, link: Link, text: str) -> list[str]:
        """Answer ping, conf, subscribe and unsubscribe."""
        message = parse(text) or {}
        event = word(message, "event")
        answers = {
            "ping": {"event": "pong", "cid": message.get("cid"), "ts": 0},
            "conf": {"event": "conf", "status": "OK"},
        }
        if event in answers:
            return [dump(answers[event])]
        if event == "unsubscribe":
            link.products.discard(BTC)
            return [dump({"event": "unsubscribed", "status": "OK", "chanId": message.get("chanId")})]
        return [self._subscribe(link, message)]

    def quote(self, quote: Quote) -> str:
        """Return a ticker array: bid, its size, ask, its size, change, percent, last, volume, high, low."""
        bid, ask = number(quote.bid), number(quote.ask)
        sizes = number(quote.bid_size), number(quote.ask_size)
        return dump([CHANNEL_ID, [bid, sizes[0], ask, sizes[1], 650, 0.0107, bid, 900.87, bid, ask]])

    def beats(self, now_us: int) -> list[str]:
        """Return the channel's heartbeat."""
        del now_us
        return [dump([CHANNEL_ID, "hb"])]

    def _subscribe(self, link: Link, message: dict[str, object]) -> str:
        channel, symbol = word(message, "channel"), word(message, "symbol")
        if message.get("event") != "subscribe" or channel != "ticker" or self.product_of(symbol) is None:
            fault = {"event": "error", "msg": "symbol: invalid", "code": 10300}
            return dump(fault | {"channel": channel, "symbol": symbol})
        if link.subscribed:
            fault = {"event": "error", "msg": "subscribe: dup", "code": 10301}
            return dump(fault | {"channel": channel, "symbol": symbol})
        link.products.add(BTC)
        done = {"event": "subscribed", "channel": channel, "chanId": CHANNEL_ID, "symbol": symbol}
        return dump(done | {"pair": symbol[1:]})
