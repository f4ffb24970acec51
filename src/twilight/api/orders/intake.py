"""From hex to acknowledged command. API specification 5.5 and 9; wire.md 5.1, 7.1; decisions A6, A7."""

import hashlib
import time
import uuid
from dataclasses import dataclass

import msgspec

from twilight.api.auth.submissions import Submission, Submissions
from twilight.api.call import Call
from twilight.api.errors import CallFailed, InvalidParams
from twilight.api.orders import submission
from twilight.api.orders.queue import AckQueue
from twilight.api.orders.submission import RefusedMessage, Verify
from twilight.api.orders.view import LatestOrders
from twilight.bus import Unacknowledged
from twilight.ops import logs
from twilight.ops.errors import Unavailable
from twilight.wire.client_messages import ClientMessage, request_id, to_command
from twilight.wire.commands import encode_command
from twilight.wire.types import CancelTraderOrder, ExecuteLendOrder, ExecuteTraderOrder, Meta

SUBMITTED = "Order request submitted successfully"
KEY_CHARS_MAX = 255

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
    submissions: Submissions
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
            return await self._submit(call, method, data, message, known_orders_only=known_orders_only)
        except RefusedMessage:
            await self._record_failure(method, data)
            raise

    async def _submit(
        self, call: Call, method: str, data: str, message: ClientMessage, *, known_orders_only: bool
    ) -> Acknowledgement:
        submission.check(message, self.verify)
        draft = _Draft(message, meta_of(call), _new_request_id(message))
        key = idempotency_key(call)
        if key is not None:
            return await self._submit_once(draft, key, method, data, known_orders_only=known_orders_only)
        if known_orders_only:
            await self._check_order(message)
        return await self._enqueue(draft, draft.request_id)

    async def _submit_once(
        self, draft: "_Draft", key: str, method: str, data: str, *, known_orders_only: bool
    ) -> Acknowledgement:
        """Queue the order unless it was queued under this key before; answer both times the same."""
        payload = hashlib.sha256(data.lower().encode()).digest()
        account_id = draft.message.order.account_id
        try:
            taken = await self.submissions.reserve(Submission(account_id, key, method, payload, draft.request_id))
        except Unavailable as error:
            raise _not_sent(error) from None
        if taken.payload_sha256 != payload:
            raise CallFailed("Idempotency key was used for another order", reason="IDEMPOTENCY_KEY_REUSED")
        if taken.sent:
            return Acknowledgement(SUBMITTED, taken.request_id)
        is_repeat = taken.request_id != draft.request_id
        if known_orders_only and not is_repeat:  # the first may have closed the order; the core takes an id once (C7)
            await self._check_order(draft.message)
        acknowledged = await self._enqueue(draft, taken.request_id)
        await self.submissions.confirm(taken.request_id)
        return acknowledged

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

    async def _enqueue(self, draft: "_Draft", id_key: str) -> Acknowledgement:
        command = to_command(draft.message, draft.meta, id_key)
        key = f"{command.kind}-{id_key}".encode()
        try:
            await self.queue.publish(self.request_topic, key, encode_command(command))
        except Unacknowledged as error:
            raise _unknown(error, id_key) from None
        except Unavailable as error:
            raise _not_sent(error) from None
        return Acknowledgement(SUBMITTED, id_key)

    async def _record_failure(self, method: str, data: str) -> None:
        """Keep the refused message; whether that works or not, the caller is told of the refusal."""
        key = f"{method}failed-{time.time_ns() // 1_000}".encode()
        try:
            await self.queue.publish(self.failed_topic, key, msgspec.json.encode(data))
        except Unavailable as error:
            _log.warning("refused_order_not_recorded", method=method, error=str(error))


@dataclass(frozen=True, slots=True)
class _Draft:
    """A checked message on its way to become a command."""

    message: ClientMessage
    meta: Meta
    request_id: str


def _new_request_id(message: ClientMessage) -> str:
    return request_id(str(uuid.uuid4()), message.order.account_id, time.time_ns() // 1_000)


def _not_sent(error: Unavailable) -> CallFailed:
    return CallFailed(f"Could not send order {error}", reason="QUEUE_UNAVAILABLE")


def _unknown(error: Unacknowledged, id_key: str) -> CallFailed:
    """Say that the order may have been taken: a repeat under the same key is the same request to the core (C7)."""
    advice = f"it may be taken yet: ask for {id_key}, or send it again with the same Idempotency-Key"
    return CallFailed(f"Could not send order {error}; {advice}", reason="ORDER_OUTCOME_UNKNOWN", id_key=id_key)


def idempotency_key(call: Call) -> str | None:
    """Return the key under which a repeat counts as the same order, None if there is none.

    Raises:
        InvalidParams: it is empty, longer than 255 characters or not printable ASCII.
    """
    if not call.has_header(b"idempotency-key"):
        return None
    key = call.header(b"idempotency-key")
    if key is None or not 1 <= len(key) <= KEY_CHARS_MAX or not key.isprintable():
        raise InvalidParams("the header Idempotency-Key must have 1 to 255 printable ASCII characters")
    return key


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
