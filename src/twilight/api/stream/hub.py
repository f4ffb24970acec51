"""Everything that this process folds from the log: the channels of the streams and the latest orders."""

import asyncio
from dataclasses import dataclass, field

from twilight.api.metrics import SUBSCRIBERS, dropped_messages
from twilight.api.orders.view import OrderView
from twilight.api.stream.channel import Channel, Overflow
from twilight.api.stream.fold import PRICES, TRADES, Folded

HEARTBEAT = "heartbeat"
HEARTBEAT_S = 5.0


def _channels() -> dict[str, Channel]:
    made = (
        Channel(PRICES, dropped=dropped_messages(PRICES)),
        Channel(TRADES, overflow=Overflow.CLOSE, dropped=dropped_messages(TRADES)),
        Channel(HEARTBEAT, kept_messages=1, dropped=dropped_messages(HEARTBEAT)),
    )
    return {channel.name: channel for channel in made}


@dataclass(slots=True)
class Hub:
    """The channels by name, and the order view; touched by the event loop alone."""

    orders: OrderView = field(default_factory=OrderView)
    channels: dict[str, Channel] = field(default_factory=_channels)

    def begin(self, offset: int) -> None:
        """Say at which offset the fold begins."""
        self.orders.advance(offset)
        for channel in self.channels.values():
            channel.begin_after(offset - 1)

    def apply(self, folded: Folded) -> None:
        """Take over a batch: orders first, so that who hears of a fill can close at once."""
        for order in folded.orders:
            self.orders.note(order)
        self.orders.advance(folded.position)
        for message in folded.messages:
            self.channels[message.channel].publish(message.seq, message.result)

    async def beat(self) -> None:
        """Send the heartbeat for ever; its sequence is how far the fold has come."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self.channels[HEARTBEAT].publish(self.orders.position - 1, b'"BEAT"')
            for channel in self.channels.values():
                SUBSCRIBERS.labels(channel.name).set(len(channel.subscribers))
