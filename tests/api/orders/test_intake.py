import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from twilight.api.auth.submissions import Reservation, Submission
from twilight.api.call import Call
from twilight.api.errors import CallFailed
from twilight.api.orders.intake import Acknowledgement, Intake
from twilight.api.orders.queue import AckQueue
from twilight.api.orders.view import OrderState
from twilight.bus import Unacknowledged
from twilight.ops.errors import Unavailable
from twilight.sdk import messages
from twilight.sdk.messages import Open
from twilight.wire.client_messages import encode_message
from twilight.wire.identity import Identity

ORDER = "00000000-0000-4000-8000-000000000001"
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


class Reserved:
    """Remembers the first submission; it was never confirmed."""

    def __init__(self) -> None:
        self.first: Reservation | None = None

    async def reserve(self, made: Submission) -> Reservation:
        self.first = self.first or Reservation(made.request_id, made.payload_sha256, sent=False)
        return self.first

    async def confirm(self, request_id: str) -> None:
        assert self.first is not None
        assert request_id == self.first.request_id


class Orders:
    """One order of Alice's, in the state that the test gives it."""

    status = "FILLED"

    async def find(self, uuid: str, *, lend: bool) -> OrderState:
        del lend
        return OrderState(uuid, ALICE.address, self.status)


def test_a_close_that_is_repeated_after_a_lost_acknowledgement_is_sent_again_though_the_order_is_closed() -> None:
    close = encode_message(messages.execute_trader_order(ALICE, ORDER, messages._memo(ALICE, (1, 1))))
    broker, orders = Broker(Unacknowledged("no acknowledgement in time")), Orders()

    async def work() -> Acknowledgement:
        intake = Intake(AckQueue(broker), cast("Any", orders), cast("Any", Reserved()))
        call = Call(cast("Any", None), [(b"idempotency-key", b"key-1")])
        with pytest.raises(CallFailed, match="same Idempotency-Key"):
            await intake.submit(call, "ExecuteTraderOrder", close, known_orders_only=True)
        orders.status, broker.fate = "SETTLED", None
        return await intake.submit(call, "ExecuteTraderOrder", close, known_orders_only=True)

    taken = asyncio.run(work())
    assert broker.keys == [f"ExecuteTraderOrder-{taken.id_key}".encode()] * 2


def test_a_close_of_another_s_order_is_refused_and_recorded_with_the_failed_ones() -> None:
    mallory = Identity.from_seed(b"mallory who closes what is not hers")
    close = encode_message(messages.execute_trader_order(mallory, ORDER, messages._memo(mallory, (1, 1))))
    broker = Broker(None)

    async def work() -> None:
        intake = Intake(AckQueue(broker), cast("Any", Orders()), cast("Any", None))
        await intake.submit(Call(cast("Any", None)), "ExecuteTraderOrder", close, known_orders_only=True)

    with pytest.raises(CallFailed, match="Invalid order params"):
        asyncio.run(work())
    (key,) = broker.keys
    assert (key or b"").startswith(b"ExecuteTraderOrderfailed-")


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
