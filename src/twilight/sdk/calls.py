"""The methods of the API as values: where a call goes, what it carries, what comes back. No I/O.

``Call`` objects are sent by a client; the functions here make them, one a method.
API specification 2, 5 and 9.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec

from twilight.sdk import results
from twilight.sdk.errors import Away, Refused, UnreadableAnswer
from twilight.wire.client_messages import (
    CancelTraderOrderMessage,
    CancelTraderOrderSlTpMessage,
    ClientMessage,
    CreateLendOrderMessage,
    CreateTraderOrderMessage,
    CreateTraderOrderSlTpMessage,
    ExecuteLendOrderMessage,
    ExecuteTraderOrderMessage,
    ExecuteTraderOrderSlTpMessage,
    QueryMessage,
    encode_message,
)

T = TypeVar("T")

PUBLIC: Final = "/api"
ORDERS: Final = "/clientapi"
BUSY: Final = -32604
AWAY_REASONS: Final = frozenset({"QUEUE_UNAVAILABLE", "ORDER_OUTCOME_UNKNOWN"})
"""Worth a repeat under the same Idempotency-Key: the exchange takes the order once, whatever became of the first."""
AWAY_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})

SUBMIT_METHODS: Final[Mapping[type[ClientMessage], str]] = {
    CreateTraderOrderMessage: "CreateTraderOrder",
    CreateTraderOrderSlTpMessage: "CreateTraderOrderSlTp",
    ExecuteTraderOrderMessage: "ExecuteTraderOrder",
    ExecuteTraderOrderSlTpMessage: "ExecuteTraderOrderSlTp",
    CancelTraderOrderMessage: "CancelTraderOrder",
    CancelTraderOrderSlTpMessage: "CancelTraderOrderSlTp",
    CreateLendOrderMessage: "CreateLendOrder",
    ExecuteLendOrderMessage: "ExecuteLendOrder",
}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One JSON-RPC call; ``answer`` is the type of its result."""

    path: str
    method: str
    answer: Any
    params: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the request as JSON-RPC text."""
        request = {"jsonrpc": "2.0", "method": self.method, "params": self.params, "id": 1}
        return msgspec.json.encode(request)

    def read(self, status: int, body: bytes) -> T:
        """Return the result that an HTTP answer holds.

        Raises:
            Away: the server is overloaded or not there.
            Refused: the answer is a JSON-RPC error.
            UnreadableAnswer: the answer is neither a result of the promised type nor an error.
        """
        if status in AWAY_STATUSES:
            raise Away(f"{self.method}: the server answered {status}")
        reply = _decoded(body, _Reply, f"{self.method}: status {status}")
        if reply.error is not None:
            raise _refusal(reply.error)
        result: T = _decoded(bytes(reply.result), self.answer, f"the result of {self.method}")
        return result


class _Fault(msgspec.Struct):
    code: int
    message: str
    data: Any = None


class _Reply(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"")
    error: _Fault | None = None


def _decoded(body: bytes, shape: Any, what: str) -> Any:  # noqa: ANN401 - the caller names the type
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer(f"{what} cannot be read: {error}") from error


def _refusal(fault: _Fault) -> Away | Refused:
    reason = fault.data.get("reason", "") if isinstance(fault.data, dict) else ""
    if fault.code == BUSY or reason in AWAY_REASONS:
        return Away(fault.message)
    return Refused(fault.code, fault.message, str(reason))


# --- market ---------------------------------------------------------------------------------------------


def btc_usd_price() -> Call[results.Price]:
    """Ask for the newest index price."""
    return Call(PUBLIC, "btc_usd_price", results.Price)


def get_funding_rate() -> Call[results.FundingRate]:
    """Ask for the newest funding rate."""
    return Call(PUBLIC, "get_funding_rate", results.FundingRate)


def candle_data(interval: str, since: str, limit: int, offset: int = 0) -> Call[list[results.Candle]]:
    """Ask for candles from ``since`` (RFC 3339) on; ``interval`` is a word such as ``ONE_MINUTE``."""
    params = {"interval": interval, "since": since, "limit": limit, "offset": offset}
    return Call(PUBLIC, "candle_data", list[results.Candle], params)


def position_size() -> Call[results.PositionSize]:
    """Ask for the totals of open positions."""
    return Call(PUBLIC, "position_size", results.PositionSize)


def recent_trade_orders() -> Call[list[results.Trade]]:
    """Ask for the newest trades, newest first."""
    return Call(PUBLIC, "recent_trade_orders", list[results.Trade])


def lend_pool_info() -> Call[results.PoolInfo]:
    """Ask for the pool's shares and value."""
    return Call(PUBLIC, "lend_pool_info", results.PoolInfo)


def server_time() -> Call[str]:
    """Ask for the server's time, RFC 3339 text."""
    return Call(PUBLIC, "server_time", str)


def healthcheck() -> Call[results.Health]:
    """Ask whether the API answers."""
    return Call(PUBLIC, "healthcheck", results.Health)


# --- one's own orders -------------------------------------------------------------------------------------


def submit(message: ClientMessage, idempotency_key: str = "") -> Call[results.Acknowledgement]:
    """Submit a signed order message; a repeat with the same key within 24 hours is one order only."""
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    method = SUBMIT_METHODS[type(message)]
    return Call(ORDERS, method, results.Acknowledgement, {"data": encode_message(message)}, headers)


def trader_order_info(query: QueryMessage) -> Call[results.TraderOrder]:
    """Ask for the newest order of the account that signs the query."""
    return Call(PUBLIC, "trader_order_info", results.TraderOrder, {"data": encode_message(query)})


def lend_order_info(query: QueryMessage) -> Call[results.LendOrder]:
    """Ask for the newest deposit of the account that signs the query."""
    return Call(PUBLIC, "lend_order_info", results.LendOrder, {"data": encode_message(query)})


def answers_to_request(request_id: str) -> Call[list[results.TxHash]]:
    """Ask what became of a request; empty while it is in the queue."""
    return _hashes("RequestId", request_id)


def answers_of_account(account_id: str) -> Call[list[results.TxHash]]:
    """Ask for all answers that an account got, oldest first."""
    return _hashes("AccountId", account_id)


def answers_of_order(order_id: str) -> Call[list[results.TxHash]]:
    """Ask for all answers about an order, oldest first."""
    return _hashes("TxId", order_id)


def _hashes(kind: str, wanted: str) -> Call[list[results.TxHash]]:
    return Call(PUBLIC, "transaction_hashes", list[results.TxHash], {kind: {"id": wanted}})
