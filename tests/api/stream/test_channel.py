import json
from typing import Any

import pytest

from twilight.api.errors import CallFailed, TooManySubscriptions
from twilight.api.stream.channel import BEHIND_MAX, Channel, Overflow, text_frame
from twilight.api.stream.session import Session


class Peer:
    def __init__(self) -> None:
        self.blocked = False
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def messages(self) -> list[Any]:
        return [json.loads(payload(frame)) for frame in self.frames]

    def seqs(self) -> list[int]:
        return [message["params"]["seq"] for message in self.messages()]


def payload(frame: bytes) -> bytes:
    size = frame[1]
    start = {126: 4, 127: 10}.get(size, 2)
    return frame[start:]


def fill(channel: Channel, *seqs: int) -> None:
    for seq in seqs:
        channel.publish(seq, b"[%d.5]" % seq)


def subscribed(channel: Channel, start: str | int = "now") -> Peer:
    peer = Peer()
    session = Session(peer)
    session.subscribe(channel, start)
    session.activate()
    return peer


def test_a_message_names_its_event_and_the_one_before_it() -> None:
    channel = Channel("live_price_data")
    peer = subscribed(channel)
    fill(channel, 3, 9)
    assert peer.messages() == [
        {
            "jsonrpc": "2.0",
            "method": "s_live_price_data",
            "params": {"subscription": channel.shared_id, "result": [seq + 0.5], "seq": seq, "prev_seq": before},
        }
        for seq, before in ((3, None), (9, 3))
    ]


def test_all_subscribers_get_the_one_encoded_frame() -> None:
    channel = Channel("live_price_data")
    first, second = subscribed(channel), subscribed(channel)
    fill(channel, 1)
    assert first.frames[0] is second.frames[0]


def test_a_second_subscription_of_one_connection_has_its_own_id() -> None:
    channel, peer = Channel("live_price_data"), Peer()
    session = Session(peer)
    ids = [session.subscribe(channel, "now"), session.subscribe(channel, "now")]
    session.activate()
    fill(channel, 1)
    assert [message["params"]["subscription"] for message in peer.messages()] == ids
    assert ids[0] != ids[1]


def test_nothing_is_delivered_before_the_answer_and_nothing_is_lost_meanwhile() -> None:
    channel, peer = Channel("live_price_data"), Peer()
    session = Session(peer)
    session.subscribe(channel, "now")
    fill(channel, 1)
    assert peer.frames == []
    session.activate()
    assert peer.seqs() == [1]


def test_a_subscriber_can_begin_with_the_newest_message() -> None:
    channel = Channel("live_price_data")
    fill(channel, 1, 2)
    peer = subscribed(channel, "snapshot")
    fill(channel, 5)
    assert peer.seqs() == [2, 5]


def test_a_subscriber_resumes_after_any_kept_sequence() -> None:
    channel = Channel("live_price_data")
    fill(channel, 10, 20, 30)
    assert [subscribed(channel, start).seqs() for start in (-1, 10, 15, 29, 30, 99)] == [
        [10, 20, 30],
        [20, 30],
        [20, 30],
        [30],
        [],
        [],
    ]


def test_what_is_no_longer_kept_cannot_be_resumed() -> None:
    channel = Channel("live_price_data", kept_messages=2)
    fill(channel, 10, 20, 30)
    assert subscribed(channel, 10).seqs() == [20, 30]
    with pytest.raises(CallFailed) as refused:
        subscribed(channel, 9)
    assert refused.value.data == {"reason": "RESUME_TOO_OLD", "oldest_seq": 20}


def test_what_was_before_the_start_of_the_fold_cannot_be_resumed() -> None:
    channel = Channel("live_price_data")
    channel.begin_after(99)
    fill(channel, 100)
    with pytest.raises(CallFailed):
        subscribed(channel, 98)
    assert subscribed(channel, 99).seqs() == [100]


def test_a_blocked_subscriber_gets_the_rest_when_it_reads_again_and_delays_nobody() -> None:
    channel = Channel("live_price_data")
    slow, fast = Peer(), subscribed(channel)
    session = Session(slow)
    session.subscribe(channel, "now")
    session.activate()
    slow.blocked = True
    fill(channel, 1, 2, 3)
    assert (slow.seqs(), fast.seqs()) == ([], [1, 2, 3])
    slow.blocked = False
    session.resume()
    assert slow.seqs() == [1, 2, 3]


def test_a_subscriber_too_far_behind_loses_the_oldest_and_the_loss_is_counted() -> None:
    dropped: list[int] = []
    channel = Channel("live_price_data", dropped=dropped.append)
    peer = Peer()
    session = Session(peer)
    session.subscribe(channel, "now")
    session.activate()
    peer.blocked = True
    fill(channel, *range(BEHIND_MAX + 5))
    peer.blocked = False
    session.resume()
    assert peer.seqs() == list(range(5, BEHIND_MAX + 5))
    assert sum(dropped) == 5


def test_trades_are_never_dropped_silently_but_the_subscription_ends() -> None:
    channel = Channel("recent_trades", overflow=Overflow.CLOSE)
    peer = Peer()
    session = Session(peer)
    session.subscribe(channel, "now")
    session.activate()
    peer.blocked = True
    fill(channel, *range(BEHIND_MAX + 1))
    assert peer.messages()[-1]["params"]["error"]["data"] == {"reason": "TOO_SLOW"}
    assert not channel.subscribers


def test_one_who_resumes_from_far_back_gets_it_all() -> None:
    channel = Channel("live_price_data")
    fill(channel, *range(BEHIND_MAX * 3))
    assert subscribed(channel, -1).seqs() == list(range(BEHIND_MAX * 3))


def test_unsubscribing_needs_the_right_channel_and_id() -> None:
    prices, trades, peer = Channel("live_price_data"), Channel("recent_trades"), Peer()
    session = Session(peer)
    number = session.subscribe(prices, "now")
    session.subscribe(trades, "now")
    session.activate()
    assert not session.unsubscribe("recent_trades", number)
    assert session.unsubscribe("live_price_data", number)
    assert not session.unsubscribe("live_price_data", number)
    fill(prices, 1)
    assert peer.frames == []


def test_a_connection_has_a_limit_of_subscriptions() -> None:
    session = Session(Peer(), subscriptions_max=1)
    channel = Channel("live_price_data")
    session.subscribe(channel, "now")
    with pytest.raises(TooManySubscriptions):
        session.subscribe(channel, "now")


def test_a_closed_connection_leaves_no_subscriber() -> None:
    channel = Channel("live_price_data")
    session = Session(Peer())
    session.subscribe(channel, "now")
    session.activate()
    session.close()
    assert not channel.subscribers


@pytest.mark.parametrize(("size", "head"), [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_a_frame_has_the_header_of_its_length(size: int, head: int) -> None:
    frame = text_frame(b"x" * size)
    assert (frame[0], len(frame)) == (0x81, head + size)
