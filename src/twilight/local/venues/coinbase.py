"""Coinbase Exchange: channels ``ticker`` and ``heartbeat`` per product."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from twilight.local.venues.model import BTC, USDT, Link, Quote, Venue, dump, parse, rfc3339, texts, word


class Coinbase(Venue):
    """Speaks ``wss://ws-feed.exchange.coinbase.com``."""

    name = "coinbase"
    symbols: ClassVar[Mapping[str, str]] = {BTC: "BTC-USD", USDT: "USDT-USD"}
    heartbeat_ms = 1_000
    beat_marker = '"type":"heartbeat"'
    subscribe_within_s = 5.0

    def receive(self, link: Link, text: str) -> list[str]:
        """Acknowledge a subscription with all that the link now has."""
        message = parse(text)
        kind = word(message, "type")
        if message is None or kind not in {"subscribe", "unsubscribe"}:
            return [_error("Malformed JSON" if message is None else "Type is not supported")]
        wanted = list(_product_ids(message))
        unknown = [symbol for symbol in wanted if self.product_of(symbol) is None]
        if unknown or not wanted:
            reason = f"{unknown[0]} is not a valid product" if unknown else "No product was named"
            return [_error("Failed to subscribe", reason)]
        chosen = {product for symbol in wanted if (product := self.product_of(symbol))}
        link.products = link.products | chosen if kind == "subscribe" else link.products - chosen
        return [self._subscriptions(link)]

    def quote(self, quote: Quote) -> str:
        """Return a ``ticker`` frame."""
        return dump(
            {
                "type": "ticker",
                "sequence": 90_000_000_000 + quote.update_id,
                "product_id": self.symbols[quote.product],
                "price": quote.bid or quote.ask or "",
                "best_bid": quote.bid or "",
                "best_bid_size": quote.bid_size,
                "best_ask": quote.ask or "",
                "best_ask_size": quote.ask_size,
                "side": "sell",
                "time": rfc3339(quote.time_us),
                "trade_id": 680_000_000 + quote.update_id,
                "last_size": "0.00120000",
            }
        )

    def beats(self, now_us: int) -> list[str]:
        """Return the heartbeat of the BTC product."""
        beat = {
            "type": "heartbeat",
            "last_trade_id": 680_000_000,
            "product_id": self.symbols[BTC],
            "sequence": 90_000_000_000,
            "time": rfc3339(now_us),
        }
        return [dump(beat)]

    def _subscriptions(self, link: Link) -> str:
        products = [self.symbols[product] for product in sorted(link.products)]
        channels = [{"name": name, "product_ids": products} for name in ("ticker", "heartbeat")]
        return dump({"type": "subscriptions", "channels": channels})


def _product_ids(message: dict[str, object]) -> Iterator[str]:
    yield from texts(message.get("product_ids"))
    channels = message.get("channels")
    for channel in channels if isinstance(channels, list) else ():
        if isinstance(channel, dict):
            yield from texts(channel.get("product_ids"))


def _error(message: str, reason: str = "") -> str:
    return dump({"type": "error", "message": message, "reason": reason})
