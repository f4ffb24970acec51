"""One stream of messages: a ring that every subscriber reads at its own pace.

A subscriber is a position in the ring, not a queue of its own, so a thousand slow readers cost no
memory and never hold up a fast one. Decisions A1: each message carries ``seq``, the offset of its
event, and ``prev_seq``, that of the message before it on the same channel; a subscriber can start
now, with the newest message, or after any sequence that is still kept.
"""

import secrets
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from twilight.api.errors import CallFailed

KEPT_MESSAGES = 20_000
BEHIND_MAX = 256
RESTING = 2**62  # beyond every sequence
ID_BITS = 53

_LENGTH_7_BITS = 126
_LENGTH_16_BITS = 1 << 16


class Overflow(Enum):
    """What happens to a subscriber that falls more than ``BEHIND_MAX`` messages behind."""

    DROP_OLDEST = "drop_oldest"
    SNAPSHOT = "snapshot"
    CLOSE = "close"


class Sink(Protocol):
    """Where frames go: one connection."""

    @property
    def blocked(self) -> bool:
        """Whether the peer takes nothing at the moment."""

    def write(self, frame: bytes) -> None:
        """Send one encoded websocket frame."""


@dataclass(slots=True)
class Message:
    """One notification of a channel and, once made, its frame for the shared subscription id."""

    seq: int
    prev_seq: int | None
    result: bytes
    frame: bytes = b""


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscriber's position: ``cursor`` is the index of the next message to send.

    ``resuming`` holds while it catches up from a sequence that it named: then it may be as far behind
    as messages are kept. ``wants_snapshot`` holds until it was sent the channel's whole state.
    """

    id: int
    channel: "Channel"
    sink: Sink
    cursor: int
    resuming: bool = False
    wants_snapshot: bool = False
    active: bool = False


@dataclass(eq=False)
class Channel:
    """A stream with its kept messages and its subscribers.

    A channel of changes has a ``snapshot``, which returns the encoded whole that they change, or None
    while it is not known; a channel of whole states needs none, its newest message is one.
    """

    name: str
    overflow: Overflow = Overflow.DROP_OLDEST
    snapshot: Callable[[], bytes | None] | None = None
    kept_messages: int = KEPT_MESSAGES
    dropped: Callable[[int], None] = lambda _count: None
    floor_seq: int = -1
    shared_id: int = field(default_factory=lambda: secrets.randbits(ID_BITS))
    subscribers: dict[Subscription, None] = field(default_factory=dict)
    _ring: deque[Message] = field(default_factory=deque)
    _end: int = 0

    @property
    def newest(self) -> Message | None:
        """The last message, if there was one."""
        return self._ring[-1] if self._ring else None

    def _oldest_seq(self) -> int:
        return self._ring[0].seq if self._ring else self.floor_seq + 1

    def begin_after(self, seq: int) -> None:
        """Say that the fold starts behind ``seq``: what came before is not known here."""
        self.floor_seq = seq

    def restart(self, seq: int) -> None:
        """Forget every message: what is published from here on follows a state as of ``seq``."""
        self._ring.clear()
        self.floor_seq = seq
        for subscription in self.subscribers:
            subscription.cursor = self._end

    def rest(self) -> None:
        """Forget every message, and refuse to resume until restarted: nobody listens, so nothing is kept."""
        self.restart(RESTING)

    def publish(self, seq: int, result: bytes) -> None:
        """Keep a message and write it to everyone who is up to date and takes it."""
        newest = self.newest
        message = Message(seq, newest.seq if newest else None, result)
        self._ring.append(message)
        self._end += 1
        if len(self._ring) > self.kept_messages:
            self.floor_seq = self._ring.popleft().seq
        frame = self.frame(message)
        last = self._end - 1
        late: list[Subscription] = []
        for subscription in self.subscribers:
            if subscription.wants_snapshot:
                late.append(subscription)
            elif subscription.cursor == last and not subscription.sink.blocked:
                subscription.cursor = self._end
                subscription.sink.write(self._for(subscription, message, frame))
            elif self._end - subscription.cursor > BEHIND_MAX:
                late.append(subscription)
        for subscription in late:
            self.pump(subscription)

    def subscribe(self, sink: Sink, start: "str | int", subscription_id: int) -> Subscription:
        """Return a subscription, not yet active, that starts where ``start`` says.

        Raises CallFailed ``RESUME_TOO_OLD`` when messages after that sequence are no longer kept.
        """
        subscription = Subscription(subscription_id, self, sink, self._end)
        if isinstance(start, int):
            subscription.cursor = self._index_after(start)
            subscription.resuming = True
        elif start == "snapshot" and self.snapshot is not None:
            subscription.wants_snapshot = True
        elif start == "snapshot" and self._ring:
            subscription.cursor = self._end - 1
        return subscription

    def _index_after(self, seq: int) -> int:
        """Return the index to resume at.

        Several changes may share a sequence, and the reader may have had a part of them: they are absolute,
        so such a channel begins with all of that sequence again.
        """
        if seq < self.floor_seq:
            raise CallFailed(
                f"Sequence {seq} is no longer kept",
                reason="RESUME_TOO_OLD",
                oldest_seq=None if self.floor_seq == RESTING else self._oldest_seq(),
            )
        bisect = bisect_right if self.snapshot is None else bisect_left
        return self._end - len(self._ring) + bisect(self._ring, seq, key=lambda message: message.seq)

    def activate(self, subscription: Subscription) -> None:
        """Start to deliver, beginning with what came since the subscription was made."""
        subscription.active = True
        self.subscribers[subscription] = None
        self.pump(subscription)

    def cancel(self, subscription: Subscription) -> None:
        """Deliver nothing more."""
        subscription.active = False
        self.subscribers.pop(subscription, None)

    def pump(self, subscription: Subscription) -> None:
        """Write what the subscriber has not had yet, until it takes no more."""
        too_far = self._end - subscription.cursor > BEHIND_MAX and not subscription.wants_snapshot
        if too_far and self._overflow(subscription):
            return
        if subscription.wants_snapshot and not self._send_snapshot(subscription):
            return
        while subscription.cursor < self._end and not subscription.sink.blocked:
            message = self._ring[subscription.cursor - self._end + len(self._ring)]
            subscription.cursor += 1
            subscription.sink.write(self._for(subscription, message, self.frame(message)))
        if subscription.cursor == self._end:
            subscription.resuming = False

    def _overflow(self, subscription: Subscription) -> bool:
        """Deal with one who is too far behind; return whether the subscription ended."""
        behind = self._end - subscription.cursor
        if subscription.resuming and behind <= len(self._ring):
            return False
        if self.overflow is Overflow.CLOSE:
            self.cancel(subscription)
            subscription.sink.write(text_frame(self._lost(subscription)))
            return True
        if self.overflow is Overflow.SNAPSHOT:
            self.dropped(behind)
            subscription.wants_snapshot = True
            return False
        self.dropped(behind - BEHIND_MAX)
        subscription.cursor = self._end - BEHIND_MAX
        subscription.resuming = False
        return False

    def _send_snapshot(self, subscription: Subscription) -> bool:
        whole = self.snapshot() if self.snapshot is not None else None
        if whole is None or subscription.sink.blocked:
            return False
        seq = self.newest.seq if self.newest else self.floor_seq
        subscription.wants_snapshot = False
        subscription.cursor = self._end
        subscription.sink.write(text_frame(self._notification(subscription.id, Message(seq, None, whole))))
        return True

    def _lost(self, subscription: Subscription) -> bytes:
        return (
            b'{"jsonrpc":"2.0","method":"s_%b","params":{"subscription":%d,"error":'
            b'{"code":-32000,"message":"Subscription closed: too slow","data":{"reason":"TOO_SLOW"}}}}'
        ) % (self.name.encode(), subscription.id)

    def frame(self, message: Message) -> bytes:
        """Return the frame that all who have the shared id get; encoded once."""
        if not message.frame:
            message.frame = text_frame(self._notification(self.shared_id, message))
        return message.frame

    def _for(self, subscription: Subscription, message: Message, shared: bytes) -> bytes:
        if subscription.id == self.shared_id:
            return shared
        return text_frame(self._notification(subscription.id, message))

    def _notification(self, subscription_id: int, message: Message) -> bytes:
        prev_seq = b"null" if message.prev_seq is None else b"%d" % message.prev_seq
        return (
            b'{"jsonrpc":"2.0","method":"s_%b","params":{"subscription":%d,"result":%b,"seq":%d,"prev_seq":%b}}'
        ) % (self.name.encode(), subscription_id, message.result, message.seq, prev_seq)


def text_frame(payload: bytes) -> bytes:
    """Return one unmasked websocket text frame (RFC 6455 section 5.2), as servers send them."""
    size = len(payload)
    if size < _LENGTH_7_BITS:
        head = bytes((0x81, size))
    elif size < _LENGTH_16_BITS:
        head = b"\x81\x7e" + size.to_bytes(2, "big")
    else:
        head = b"\x81\x7f" + size.to_bytes(8, "big")
    return head + payload
