"""OKX v5: channel ``bbo-tbt``; the client keeps the link alive with the text ``ping``."""

from collections.abc import Mapping
from typing import ClassVar

from twilight.local.venues.model import BTC, Link, Quote, Venue, dump, levels, parse, word

_CONNECTION = "accb8e21"
_CHANNEL = "bbo-tbt"


class Okx(Venue):
    """Speaks ``wss://ws.okx.com:8443/ws/v5/public``."""

    name = "okx"
    path = "/ws/v5/public"
    symbols: ClassVar[Mapping[str, str]] = {BTC: "BTC-USDT"}
    idle_limit_s = 30.0

    def receive(self, link: Link, text: str) -> list[str]:
        """Answer ``ping``, and one event an argument of subscribe and unsubscribe."""
        if text == "ping":
            return ["pong"]
        message = parse(text) or {}
        operation, arguments = word(message, "op"), message.get("args")
        if operation not in {"subscribe", "unsubscribe"} or not isinstance(arguments, list):
            return [_error("60012", f"Invalid request: {text[:200]}")]
        return [self._change(link, operation, argument) for argument in arguments]

    def quote(self, quote: Quote) -> str:
        """Return a ``bbo-tbt`` frame."""
        data = {
            "asks": levels(quote.ask, quote.ask_size, "0", "3"),
            "bids": levels(quote.bid, quote.bid_size, "0", "2"),
            "ts": str(quote.time_us // 1_000),
            "seqId": 31_000_000_000 + quote.update_id,
        }
        argument = {"channel": _CHANNEL, "instId": self.symbols[quote.product]}
        return dump({"arg": argument, "data": [data]})

    def _change(self, link: Link, operation: str, argument: object) -> str:
        wanted = argument if isinstance(argument, dict) else {}
        product = self.product_of(str(wanted.get("instId")))
        if wanted.get("channel") != _CHANNEL or product is None:
            return _error("60018", f"Wrong URL or {dump(argument)} doesn't exist.")
        change = link.products.add if operation == "subscribe" else link.products.discard
        change(product)
        return dump({"event": operation, "arg": wanted, "connId": _CONNECTION})


def _error(code: str, message: str) -> str:
    return dump({"event": "error", "code": code, "msg": message, "connId": _CONNECTION})
