"""A pretend exchange with the public API's methods: it checks every signature and answers like the real one."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

import msgspec

from twilight.api.orders import submission
from twilight.wire import bincode
from twilight.wire.client_messages import ClientMessage, script_of
from twilight.wire.types import CancelTraderOrder, CreateLendOrder, CreateTraderOrder

Scope = MutableMapping[str, Any]


class Exchange:
    """Executes every order at once: markets fill, limits rest until `fill`, closes settle.

    ``status`` is the HTTP status of all answers, ``verdict`` refuses new orders with that status,
    ``mute`` takes orders without ever answering them.
    """

    def __init__(self) -> None:
        self.status = 200
        self.verdict = ""
        self.refusal = ""
        self.mute = False
        self.rows: dict[str, list[dict[str, object]]] = defaultdict(list)
        self.memos: dict[str, str] = {}
        self.messages: list[ClientMessage] = []
        self._count = 0

    async def __call__(
        self,
        _scope: Scope,
        receive: Callable[[], Awaitable[Scope]],
        send: Callable[[Scope], Awaitable[None]],
    ) -> None:
        body = (await receive())["body"]
        request = msgspec.json.decode(body)
        answer = {"jsonrpc": "2.0", "id": request["id"]} | self._answer(request["method"], request["params"])
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})

    def statuses(self, account_id: str) -> list[object]:
        return [row["order_status"] for row in self.rows[account_id]]

    def fill(self, account_id: str) -> None:
        self._tell(account_id, "FILLED", order_id=self.rows[account_id][0]["order_id"])

    def _answer(self, method: str, params: Any) -> dict[str, object]:
        match method:
            case "btc_usd_price":
                price = {"id": 1, "price": "60000", "timestamp": "2026-01-01T00:00:00Z"}
                return {"result": price}
            case "lend_pool_info":
                names = ("id", "sequence", "nonce", "pending_orders")
                pool = {"total_pool_share": "200000", "total_locked_value": "200000000"}
                return {"result": dict.fromkeys(names, 1) | pool}
            case "transaction_hashes":
                return {"result": self.rows[params["AccountId"]["id"]]}
        if self.refusal:
            return {"error": {"code": -32000, "message": self.refusal}}
        message = submission.read(method, params["data"])
        submission.check(message, "signature")
        self.messages.append(message)
        if not self.mute:
            self._execute(message)
        return {"result": {"msg": "", "id_key": f"REQID{len(self.messages)}"}}

    def _execute(self, message: ClientMessage) -> None:
        order = message.order
        match order:
            case CreateTraderOrder() | CreateLendOrder():
                memo = getattr(message, "create", None) or script_of(message.transaction)  # type: ignore[union-attr]
                output = memo.output if isinstance(order, CreateLendOrder) else memo.outputs[0]
                self.memos[order.account_id] = bincode.encode_hex(output)
                status = "PENDING" if order.order_type == "LIMIT" else "FILLED"
                order_id = str(UUID(int=len(self.messages)))
                self._tell(order.account_id, self.verdict or status, order_id=order_id)
            case CancelTraderOrder():
                self._tell(order.account_id, "CANCELLED", order_id=order.uuid)
            case _:
                ends = {"SLTP": "StopLossAdded", "LIMIT": "LimitPriceAdded"}
                self._tell(order.account_id, ends.get(order.order_type, "SETTLED"), order_id=order.uuid)

    def _tell(self, account_id: str, status: str, *, order_id: object) -> None:
        self._count += 1
        row = {
            "id": self._count,
            "order_id": order_id,
            "account_id": account_id,
            "tx_hash": "",
            "order_type": "MARKET",
            "order_status": status,
            "datetime": "2026-03-11T10:46:08Z",
            "output": self.memos.get(account_id) if status == "FILLED" else None,
            "request_id": f"REQID{len(self.messages)}",
            "reason": None,
            "old_price": None,
            "new_price": None,
        }
        self.rows[account_id].append(row)
