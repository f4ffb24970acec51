"""Every channel of the process, and the latest orders; touched by the event loop alone."""

import asyncio
from dataclasses import dataclass, field

from twilight.api.metrics import SUBSCRIBERS, dropped_messages
from twilight.api.orders.view import OrderView
from twilight.api.stream.channel import Channel, Overflow
from twilight.api.stream.fold import PRICES, TRADES, Folded

HEARTBEAT = "heartbeat"
HEARTBEAT_S = 5.0


@dataclass(slots=True)
class Hub:
    """The channels by key, and the order view.

    Prices and trades are folded from the log; other channels are added by who feeds them.
    """

    orders: OrderView = field(default_factory=OrderView)
    channels: dict[str, Channel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the channels that are folded from the log, and the heartbeat."""
        self.add(PRICES, PRICES)
        self.add(TRADES, TRADES, overflow=Overflow.CLOSE)
        self.add(HEARTBEAT, HEARTBEAT, kept_messages=1)

    def add(
        self, key: str, name: str, *, overflow: Overflow = Overflow.DROP_OLDEST, kept_messages: int | None = None
    ) -> Channel:
        """Make a channel whose notifications are called ``s_<name>``; several keys may share a name."""
        channel = Channel(name, overflow, dropped=dropped_messages(name))
        channel.kept_messages = kept_messages or channel.kept_messages
        self.channels[key] = channel
        return channel

    def begin(self, offset: int) -> None:
        """Say at which offset the fold begins."""
        self.orders.advance(offset)
        for key in (PRICES, TRADES):
            self.channels[key].begin_after(offset - 1)

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
            for key, channel in self.channels.items():
                SUBSCRIBERS.labels(key).set(len(channel.subscribers))
