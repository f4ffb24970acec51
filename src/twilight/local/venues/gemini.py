"""Gemini's fast API: stream ``<symbol>@bookTicker``."""

from collections.abc import Mapping
from typing import ClassVar

from twilight.local.venues.model import BTC, Link, Quote, Venue, dump, parse, texts, word

_STREAM = "@bookTicker"


class Gemini(Venue):
    """Speaks ``wss://ws.gemini.com``."""

    name = "gemini"
    symbols: ClassVar[Mapping[str, str]] = {BTC: "btcusd"}

    def receive(self, link: Link, text: str) -> list[str]:
        """Answer SUBSCRIBE, UNSUBSCRIBE and ping with a status."""
        message = parse(text) or {}
        method, number = word(message, "method"), message.get("id")
        if method.lower() == "ping":
            return [dump({"id": number, "status": 200, "result": {}})]
        wanted = texts(message.get("params"))
        chosen = {self.product_of(name.removesuffix(_STREAM)) for name in wanted if name.endswith(_STREAM)}
        products = {product for product in chosen if product is not None}
        if method not in {"SUBSCRIBE", "UNSUBSCRIBE"} or not products or None in chosen:
            fault = {"code": -1121, "msg": f"Invalid stream or method: {method} {wanted}"}
            return [dump({"id": number, "status": 400, "error": fault})]
        link.products = link.products | products if method == "SUBSCRIBE" else link.products - products
        return [dump({"id": number, "status": 200})]

    def quote(self, quote: Quote) -> str:
        """Return a ``bookTicker`` frame; a side without orders is left out."""
        frame: dict[str, object] = {
            "u": 1_764_549_594_000_000 + quote.update_id,
            "E": quote.time_us * 1_000,
            "s": self.symbols[quote.product],
        }
        if quote.bid is not None:
            frame |= {"b": quote.bid, "B": quote.bid_size}
        if quote.ask is not None:
            frame |= {"a": quote.ask, "A": quote.ask_size}
        return dump(frame)
