"""Subscriptions, on websockets only. API specification 8; decisions A1."""

from typing import Annotated, Literal

from msgspec import Meta

from twilight.api.call import Call
from twilight.api.errors import MethodNotFound
from twilight.api.registry import Handler, Registry
from twilight.api.stream.fold import PRICES, TRADES
from twilight.api.stream.hub import HEARTBEAT
from twilight.api.stream.session import Session

streams = Registry()

Start = Annotated[
    Literal["now", "snapshot"] | int,
    Meta(description="now, with the newest message, or after a sequence that is still kept"),
]

CHANNELS = (PRICES, TRADES, HEARTBEAT)


def _session(call: Call) -> Session:
    if call.session is None:
        raise MethodNotFound("Method not found: subscriptions need a websocket")
    return call.session


def _subscribe(channel: str) -> Handler:
    async def subscribe(call: Call, *, from_: Start = "now") -> int:
        return _session(call).subscribe(call.services.hub.channels[channel], from_)

    subscribe.__doc__ = f"Send every message of {channel} as s_{channel}; return the subscription's id."
    return subscribe


def _unsubscribe(channel: str) -> Handler:
    async def unsubscribe(call: Call, *, id_: int) -> bool:
        return _session(call).unsubscribe(channel, id_)

    unsubscribe.__doc__ = f"End a subscription to {channel}; return whether there was one."
    return unsubscribe


for _channel in CHANNELS:
    streams.method(f"subscribe_{_channel}")(_subscribe(_channel))
    streams.method(f"unsubscribe_{_channel}")(_unsubscribe(_channel))
