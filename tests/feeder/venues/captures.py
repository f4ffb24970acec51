"""Recorded frames, and what they say, read from them by hand: sharing no code with the adapters."""

import gzip
import json
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple

Json = Any  # numbers are kept as text


class Said(NamedTuple):
    """One quote as the frame says it, in units of 1e-8."""

    symbol: str
    bid: int
    ask: int


def e8(text: str) -> int:
    with localcontext() as context:
        context.prec = 60
        return int(Decimal(text) * 10**8)


def received(path: Path) -> Iterator[str]:
    """Yield the frames that a capture received, without what the client sent."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            text = line.rstrip("\n")
            if path.name.endswith(".jsonl.gz"):
                yield text.split(" ", 1)[1]
                continue
            stamp, separator, frame = text.partition(": ")
            if separator and stamp.replace(".", "", 1).isdigit():
                yield frame


def by_hand(frame: str) -> Json:
    try:
        return json.loads(frame, parse_float=str, parse_int=str)
    except ValueError:
        return None


def said(symbol: str, bid: str, ask: str) -> list[Said]:
    return [Said(symbol, e8(bid), e8(ask))]


def coinbase(message: Json) -> list[Said]:
    if message.get("type") != "ticker":
        return []
    return said(message["product_id"], message["best_bid"], message["best_ask"])


def kraken(message: Json) -> list[Said]:
    if message.get("channel") != "ticker":
        return []
    return [quote for entry in message["data"] for quote in said(entry["symbol"], entry["bid"], entry["ask"])]


def bitstamp(message: Json) -> list[Said]:
    channel, data = message.get("channel", ""), message.get("data")
    if message.get("event") != "data" or not channel.startswith("order_book_"):
        return []
    if not data["bids"] or not data["asks"]:
        return []
    return said(channel.removeprefix("order_book_"), data["bids"][0][0], data["asks"][0][0])


def gemini(message: Json) -> list[Said]:
    if not isinstance(message.get("b"), str) or not isinstance(message.get("a"), str):
        return []
    return said(message["s"], message["b"], message["a"])


def binance(message: Json) -> list[Said]:
    data = message.get("data", message)
    if not message.get("stream", "@bookTicker").endswith("@bookTicker") or "a" not in data:
        return []
    return said(data["s"], data["b"], data["a"])


def okx(message: Json) -> list[Said]:
    argument = message.get("arg", {})
    if "data" not in message or argument.get("channel") not in {"bbo-tbt", "tickers"}:
        return []
    (entry,) = message["data"]
    if argument["channel"] == "tickers":
        return said(argument["instId"], entry["bidPx"], entry["askPx"])
    return said(argument["instId"], entry["bids"][0][0], entry["asks"][0][0])


def bybit(message: Json) -> list[Said]:
    topic = message.get("topic", "")
    if not topic.startswith("orderbook.1.") or message.get("type") != "snapshot":
        return []
    return said(topic.removeprefix("orderbook.1."), message["data"]["b"][0][0], message["data"]["a"][0][0])


def bitfinex_reader() -> Callable[[Json], list[Said]]:
    """Return a reader that remembers which number stands for which ticker."""
    symbols: dict[str, str] = {}

    def read(message: Json) -> list[Said]:
        if isinstance(message, dict):
            if message.get("event") == "subscribed" and message.get("channel") == "ticker":
                symbols[message["chanId"]] = message["symbol"]
            return []
        if message[0] not in symbols or not isinstance(message[1], list):
            return []
        return said(symbols[message[0]], message[1][0], message[1][2])

    return read


READERS: dict[str, Callable[[], Callable[[Json], list[Said]]]] = {
    "binance": lambda: binance,
    "bitfinex": bitfinex_reader,
    "bitstamp": lambda: bitstamp,
    "bybit": lambda: bybit,
    "coinbase": lambda: coinbase,
    "gemini": lambda: gemini,
    "kraken": lambda: kraken,
    "okx": lambda: okx,
}


def read_by_hand(venue: str, frames: list[str]) -> list[Said]:
    """Return every quote of every product in the frames, as the venue's documentation defines them."""
    read = READERS[venue]()
    wanted = list if venue == "bitfinex" else dict
    quotes: list[Said] = []
    for frame in frames:
        message = by_hand(frame)
        if isinstance(message, dict | wanted):
            quotes += read(message)
    return quotes
