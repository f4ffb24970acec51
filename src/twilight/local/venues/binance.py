"""Binance spot: stream ``<symbol>@bookTicker``, named in the URL or by SUBSCRIBE; no exchange time."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from twilight.local.venues.model import BTC, Link, Quote, Venue, dump, parse, texts, word

_STREAM = "@bookTicker"


class Binance(Venue):
    """Speaks ``wss://stream.binance.com:9443``: ``/stream`` has wrapped frames, ``/ws`` bare ones."""

    name = "binance"
    path = "/stream?streams=btcusdt@bookTicker"
    symbols: ClassVar[Mapping[str, str]] = {BTC: "btcusdt"}
    ping_interval_s = 20.0

    def greet(self, link: Link) -> list[str]:
        """Subscribe what the URL names; the venue says nothing then."""
        url = urlsplit(link.path)
        named = parse_qs(url.query).get("streams", [""])[0].split("/")
        named += url.path.removeprefix("/ws").split("/") if url.path.startswith("/ws") else []
        link.products |= self._products(named)
        return []

    def receive(self, link: Link, text: str) -> list[str]:
        """Answer SUBSCRIBE and UNSUBSCRIBE."""
        message = parse(text)
        if message is None:
            return [dump({"error": {"code": 3, "msg": "Invalid JSON: expected value"}})]
        method, number = word(message, "method"), message.get("id")
        products = self._products(texts(message.get("params")))
        if method == "SUBSCRIBE":
            link.products |= products
        elif method == "UNSUBSCRIBE":
            link.products -= products
        else:
            return [dump({"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": number})]
        return [dump({"result": None, "id": number})]

    def quote(self, quote: Quote) -> str:
        """Return a bare ``bookTicker`` frame."""
        frame = {
            "u": 50_093_240_744 + quote.update_id,
            "s": self.symbols[quote.product].upper(),
            "b": quote.bid or "",
            "B": quote.bid_size,
            "a": quote.ask or "",
            "A": quote.ask_size,
        }
        return dump(frame)

    def wrap(self, link: Link, text: str) -> str:
        """Put the stream's name around the frame on links under ``/stream``."""
        if not link.path.startswith("/stream") or text.startswith('{"stream"'):
            return text
        return f'{{"stream":"{self.symbols[BTC]}{_STREAM}","data":{text}}}'

    def _products(self, streams: list[str]) -> set[str]:
        wanted = (name.removesuffix(_STREAM) for name in streams if name.endswith(_STREAM))
        return {product for symbol in wanted if (product := self.product_of(symbol))}
