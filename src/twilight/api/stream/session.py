"""One connection's subscriptions: no socket, no clock."""

import secrets
from dataclasses import dataclass, field

from twilight.api.errors import TooManySubscriptions
from twilight.api.stream.channel import ID_BITS, Channel, Sink, Subscription

SUBSCRIPTIONS_MAX = 1_024


@dataclass(slots=True)
class Session:
    """The subscriptions of one connection and the ids that it knows them by.

    The first subscription of a channel takes the channel's own id, so that its frames are the ones
    encoded for everybody; a further one of the same connection gets an id and frames of its own.
    """

    sink: Sink
    subscriptions_max: int = SUBSCRIPTIONS_MAX
    by_id: dict[int, Subscription] = field(default_factory=dict)
    _waiting: list[Subscription] = field(default_factory=list)

    def subscribe(self, channel: Channel, start: str | int) -> int:
        """Return the id of a new subscription; it delivers once :meth:`activate` is called."""
        if len(self.by_id) >= self.subscriptions_max:
            raise TooManySubscriptions
        taken = channel.shared_id in self.by_id
        subscription_id = self._new_id() if taken else channel.shared_id
        subscription = channel.subscribe(self.sink, start, subscription_id)
        self.by_id[subscription_id] = subscription
        self._waiting.append(subscription)
        return subscription_id

    def unsubscribe(self, channel_name: str, subscription_id: int) -> bool:
        """End a subscription of this connection to that channel; return whether there was one."""
        subscription = self.by_id.get(subscription_id)
        if subscription is None or subscription.channel.name != channel_name:
            return False
        del self.by_id[subscription_id]
        subscription.channel.cancel(subscription)
        if subscription in self._waiting:
            self._waiting.remove(subscription)
        return True

    def activate(self) -> None:
        """Begin to deliver what was subscribed, now that its answer is on the way."""
        waiting, self._waiting = self._waiting, []
        for subscription in waiting:
            subscription.channel.activate(subscription)

    def resume(self) -> None:
        """Write what waited while the peer took nothing."""
        for subscription in list(self.by_id.values()):
            if self.sink.blocked:
                return
            if subscription.active:
                subscription.channel.pump(subscription)

    def close(self) -> None:
        """End every subscription."""
        for subscription in self.by_id.values():
            subscription.channel.cancel(subscription)
        self.by_id.clear()
        self._waiting.clear()

    def _new_id(self) -> int:
        while (number := secrets.randbits(ID_BITS)) in self.by_id:
            pass
        return number
