"""Subscriptions, on websockets only. API specification 8; decisions A1, A2."""

from typing import Annotated, Literal

from msgspec import Meta

from twilight.api.call import Call
from twilight.api.candles import Interval
from twilight.api.errors import MethodNotFound
from twilight.api.registry import Handler, Registry
from twilight.api.stream.fold import PRICES, TRADES
from twilight.api.stream.hub import HEARTBEAT
from twilight.api.stream.polled import BOOK, BOOK_SNAPSHOT, CANDLE_UPDATE, CANDLES, RESOLUTIONS
from twilight.api.stream.session import Session

streams = Registry()

Start = Annotated[
    Literal["now", "snapshot"] | int,
    Meta(description="now, with the current state, or after a sequence that is still kept"),
]

PLAIN = (PRICES, TRADES, HEARTBEAT, *(f"candle_data_{word}" for word in RESOLUTIONS))


def _session(call: Call) -> Session:
    if call.session is None:
        raise MethodNotFound("Method not found: subscriptions need a websocket")
    return call.session


def _subscribe(key: str) -> Handler:
    async def subscribe(call: Call, *, from_: Start = "now") -> int:
        return _session(call).subscribe(call.services.hub.channels[key], from_)

    subscribe.__doc__ = f"Send every message of {key} as s_{key}; return the subscription's id."
    return subscribe


def _subscribe_candles(name: str) -> Handler:
    async def subscribe(call: Call, *, interval: Interval, from_: Start = "now") -> int:
        return _session(call).subscribe(call.services.hub.channels[f"{name}/{interval}"], from_)

    subscribe.__doc__ = f"Send the current candle of an interval as s_{name} whenever it changes."
    return subscribe


def _unsubscribe(name: str) -> Handler:
    async def unsubscribe(call: Call, *, id_: int) -> bool:
        return _session(call).unsubscribe(name, id_)

    unsubscribe.__doc__ = f"End a subscription to {name}; return whether there was one."
    return unsubscribe


@streams.method(f"subscribe_{BOOK}")
async def subscribe_order_book(
    call: Call, *, mode: Literal["delta", "snapshot"] = "delta", from_: Start = "now"
) -> int:
    """Send each changed level of the book with its new total (0 removes it), or the whole book when it changed."""
    key = BOOK if mode == "delta" else BOOK_SNAPSHOT
    return _session(call).subscribe(call.services.hub.channels[key], from_)


for _key in PLAIN:
    streams.method(f"subscribe_{_key}")(_subscribe(_key))
for _name in (CANDLES, CANDLE_UPDATE):
    streams.method(f"subscribe_{_name}")(_subscribe_candles(_name))
for _name in (*PLAIN, CANDLES, CANDLE_UPDATE, BOOK):
    streams.method(f"unsubscribe_{_name}")(_unsubscribe(_name))
