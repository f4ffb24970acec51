import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from twilight.api.call import Call
from twilight.api.errors import CallFailed
from twilight.api.orders.intake import Acknowledgement, Intake
from twilight.api.orders.queue import AckQueue
from twilight.bus import Unacknowledged
from twilight.ops.errors import Unavailable
from twilight.sdk import messages
from twilight.sdk.messages import Open
from twilight.wire.client_messages import encode_message
from twilight.wire.identity import Identity

ALICE = Identity.from_seed(b"alice who opens positions")
OPEN = encode_message(
    messages.create_trader_order(ALICE, Open(side="LONG", margin_sats=1_000, leverage=10, price=65_000))
)


class Broker:
    """Tells the same fate of every record."""

    def __init__(self, fate: Unavailable | None) -> None:
        self.fate = fate
        self.keys: list[bytes | None] = []
        self._told: list[Callable[[Unavailable | None], None]] = []

    def send(self, _topic: str, key: bytes | None, _value: bytes, told: Callable[[Unavailable | None], None]) -> None:
        self.keys.append(key)
        self._told.append(told)

    def poll(self) -> int:
        while self._told:
            self._told.pop()(self.fate)
        return 0


def submit(broker: Broker) -> Acknowledgement:
    nothing = cast("Any", None)  # neither looked at: no key is given and the order is new

    async def work() -> Acknowledgement:
        intake = Intake(AckQueue(broker), nothing, nothing)
        return await intake.submit(Call(nothing), "CreateTraderOrder", OPEN, known_orders_only=False)

    return asyncio.run(work())


def test_an_acknowledged_order_has_a_request_id() -> None:
    broker = Broker(None)
    taken = submit(broker)
    assert broker.keys == [f"CreateTraderOrder-{taken.id_key}".encode()]


def test_an_order_that_kafka_refuses_was_not_sent() -> None:
    with pytest.raises(CallFailed, match="Could not send order the log is closed") as caught:
        submit(Broker(Unavailable("the log is closed")))
    assert caught.value.data == {"reason": "QUEUE_UNAVAILABLE"}


def test_an_order_whose_fate_is_unknown_is_told_so_with_its_request_id() -> None:
    broker = Broker(Unacknowledged("no acknowledgement in time"))
    with pytest.raises(CallFailed, match="it may be taken yet: ask for REQID") as caught:
        submit(broker)
    id_key = caught.value.data["id_key"]
    assert caught.value.data["reason"] == "ORDER_OUTCOME_UNKNOWN"
    assert broker.keys == [f"CreateTraderOrder-{id_key}".encode()]
