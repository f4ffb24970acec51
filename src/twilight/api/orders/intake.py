"""From hex to acknowledged command. API specification 5.5 and 9; wire.md 5.1, 7.1; decisions A6, A7."""

import time
import uuid
from dataclasses import dataclass

import msgspec

from twilight.api.call import Call
from twilight.api.errors import CallFailed
from twilight.api.orders import submission
from twilight.api.orders.queue import AckQueue
from twilight.api.orders.submission import RefusedMessage, Verify
from twilight.api.orders.view import LatestOrders
from twilight.ops import logs
from twilight.ops.errors import Unavailable
from twilight.wire.client_messages import ClientMessage, request_id, to_command
from twilight.wire.commands import encode_command
from twilight.wire.types import CancelTraderOrder, ExecuteLendOrder, ExecuteTraderOrder, Meta

SUBMITTED = "Order request submitted successfully"

_log = logs.get("twilight.api.orders.intake")


class Acknowledgement(msgspec.Struct, frozen=True):
    """The order is in the queue; ``id_key`` is the request id that its answers carry."""

    msg: str
    id_key: str


@dataclass(slots=True)
class Intake:
    """Takes orders in: reads, checks, queues and acknowledges them."""

    queue: AckQueue
    orders: LatestOrders
    verify: Verify = "signature"
    request_topic: str = "CLIENT-REQUEST"
    failed_topic: str = "CLIENT-FAILED-REQUEST"

    async def submit(self, call: Call, method: str, data: str, *, known_orders_only: bool) -> Acknowledgement:
        """Queue the order that the hex spells and return once Kafka has it.

        With ``known_orders_only`` a settle or cancel must name an open order of the signer's account.

        Raises:
            CallFailed: with the texts of specification 5.5.
        """
        message = submission.read(method, data)
        try:
            submission.check(message, self.verify)
        except RefusedMessage:
            await self._record_failure(method, data)
            raise
        if known_orders_only:
            await self._check_order(message)
        return await self._enqueue(message, meta_of(call))

    async def _check_order(self, message: ClientMessage) -> None:
        order = message.order
        if not isinstance(order, (ExecuteTraderOrder, ExecuteLendOrder, CancelTraderOrder)):
            return
        lend = isinstance(order, ExecuteLendOrder)
        known = await self.orders.find(order.uuid, lend=lend)
        if known is None:
            raise CallFailed("Order not found", reason="ORDER_NOT_FOUND")
        if known.account_id != order.account_id:
            raise submission.invalid("the order is another account's")
        if isinstance(order, CancelTraderOrder):
            if known.status not in ("PENDING", "FILLED"):
                raise CallFailed("Order not cancelable", reason="ORDER_NOT_CANCELABLE")
        elif known.status != "FILLED":
            raise CallFailed("Order closed", reason="ORDER_CLOSED")

    async def _enqueue(self, message: ClientMessage, meta: Meta) -> Acknowledgement:
        id_key = request_id(str(uuid.uuid4()), message.order.account_id, time.time_ns() // 1_000)
        command = to_command(message, meta, id_key)
        key = f"{command.kind}-{id_key}".encode()
        try:
            await self.queue.publish(self.request_topic, key, encode_command(command))
        except Unavailable as error:
            raise CallFailed(f"Could not send order {error}", reason="QUEUE_UNAVAILABLE") from None
        return Acknowledgement(SUBMITTED, id_key)

    async def _record_failure(self, method: str, data: str) -> None:
        """Keep the refused message; whether that works or not, the caller is told of the refusal."""
        key = f"{method}failed-{time.time_ns() // 1_000}".encode()
        try:
            await self.queue.publish(self.failed_topic, key, msgspec.json.encode(data))
        except Unavailable as error:
            _log.warning("refused_order_not_recorded", method=method, error=str(error))


def meta_of(call: Call) -> Meta:
    """Return the metadata of a command: what the request's headers say, and the time it came in."""
    return Meta(
        {
            "CONTENT_TYPE": call.header(b"content-type"),
            "Relayer": call.header(b"relayer"),
            "Twilight-Address": call.header(b"twilight-address"),
            "request_server_time": str(time.time_ns() // 1_000),
        }
    )
