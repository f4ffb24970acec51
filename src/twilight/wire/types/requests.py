"""What clients ask for, as their requests stand inside commands (wire.md 4.3)."""

from __future__ import annotations

from twilight.wire.types.base import Bytes64, OrderStatus, OrderType, PositionType, UuidText, Wire
from twilight.wire.types.chain import Output


class CreateTraderOrder(Wire, frozen=True, gc=False):
    """Open a position; ``order_status`` is ignored, ``entryprice`` is the limit."""

    account_id: str
    position_type: PositionType
    order_type: OrderType
    leverage: float
    initial_margin: float
    available_margin: float
    order_status: OrderStatus
    entryprice: float
    execution_price: float


class CreateLendOrder(Wire, frozen=True, gc=False):
    """Deposit into the pool."""

    account_id: str
    balance: float
    order_type: OrderType
    order_status: OrderStatus
    deposit: float


class ExecuteTraderOrder(Wire, frozen=True, gc=False):
    """Close a position; ``execution_price`` is the close price of a ``LIMIT``."""

    account_id: str
    uuid: UuidText
    order_type: OrderType
    settle_margin: float
    order_status: OrderStatus
    execution_price: float


class ExecuteLendOrder(Wire, frozen=True, gc=False):
    """Withdraw from the pool."""

    account_id: str
    uuid: UuidText
    order_type: OrderType
    settle_withdraw: float
    order_status: OrderStatus
    poolshare_price: float


class CancelTraderOrder(Wire, frozen=True, gc=False):
    """Cancel a resting order (``LIMIT``) or drop its stop-loss and take-profit (``SLTP``)."""

    account_id: str
    uuid: UuidText
    order_type: OrderType
    order_status: OrderStatus


class SlTpOrder(Wire, frozen=True, gc=False):
    """Stop-loss and take-profit triggers in USD."""

    sl: float | None
    tp: float | None


class SlTpOrderCancel(Wire, frozen=True, gc=False):
    """Which leg to drop."""

    sl: bool
    tp: bool


class ZkosSettleMsg(Wire, frozen=True, gc=False):
    """A memo output signed by its owner."""

    output: Output
    signature: Bytes64
