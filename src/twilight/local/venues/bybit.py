"""Bybit v5 spot: topic ``orderbook.1.<symbol>``, which sends snapshots only."""

from collections.abc import Mapping
from typing import ClassVar

from twilight.local.venues.model import BTC, Link, Quote, Venue, dump, levels, parse, texts, word

_CONNECTION = "cejreaspqfm9se7usbrg-2xh"
_TOPIC = "orderbook.1."


class Bybit(Venue):
    """Speaks ``wss://stream.bybit.com/v5/public/spot``."""

    name = "bybit"
    path = "/v5/public/spot"
    symbols: ClassVar[Mapping[str, str]] = {BTC: "BTCUSDT"}

    def receive(self, link: Link, text: str) -> list[str]:
        """Answer ping, subscribe and unsubscribe; one wrong topic refuses the whole message."""
        message = parse(text) or {}
        operation = word(message, "op")
        if operation == "ping":
            return [_reply(message, "ping", "pong")]
        topics = texts(message.get("args"))
        wrong = [topic for topic in topics if self._product(topic) is None]
        if operation not in {"subscribe", "unsubscribe"} or wrong or not topics:
            reason = f"error:handler not found,topic:{wrong[0] if wrong else ''}"
            return [_reply(message, operation, reason, success=False)]
        chosen = {product for topic in topics if (product := self._product(topic))}
        link.products = link.products | chosen if operation == "subscribe" else link.products - chosen
        return [_reply(message, operation, operation)]

    def quote(self, quote: Quote) -> str:
        """Return an ``orderbook.1`` snapshot."""
        symbol, now_ms = self.symbols[quote.product], quote.time_us // 1_000
        data = {
            "s": symbol,
            "b": levels(quote.bid, quote.bid_size),
            "a": levels(quote.ask, quote.ask_size),
            "u": 52_000_000 + quote.update_id,
            "seq": 41_000_000_000 + quote.update_id,
        }
        frame = {"topic": _TOPIC + symbol, "ts": now_ms, "type": "snapshot", "data": data, "cts": now_ms}
        return dump(frame)

    def _product(self, topic: str) -> str | None:
        return self.product_of(topic.removeprefix(_TOPIC)) if topic.startswith(_TOPIC) else None


def _reply(message: dict[str, object], operation: str, text: str, *, success: bool = True) -> str:
    asked = {"req_id": message["req_id"]} if "req_id" in message else {}
    return dump({"success": success, "ret_msg": text, "conn_id": _CONNECTION, **asked, "op": operation})
