"""What clients ask for: the nine variants of the wire's RpcCommand (engine 1.9, wire 5.1).

`meta` is the free-form text map; `payload` the hex of the client's chain message, carried unread. Both are repeated
inside the events that the command causes, so a command is kept exactly as it came.
"""

from dataclasses import dataclass

from twilight.domain.model.orders import OrderStatus, OrderType, Side, TraderOrder

Meta = dict[str, str | None]


@dataclass(slots=True)
class OpenRequest:
    """The wire's CreateTraderOrder payload; `available_margin_sats` and `order_status` are ignored (W-02)."""

    account_id: str
    side: Side
    order_type: OrderType
    leverage: float
    initial_margin_sats: float
    available_margin_sats: float
    order_status: OrderStatus
    entry_price: float
    execution_price: float


@dataclass(slots=True)
class CloseRequest:
    """The wire's ExecuteTraderOrder payload; the order type chooses how to close."""

    account_id: str
    uuid: str
    order_type: OrderType
    settle_margin_sats: float
    order_status: OrderStatus
    execution_price: float


@dataclass(slots=True)
class CancelRequest:
    """The wire's CancelTraderOrder payload."""

    account_id: str
    uuid: str
    order_type: OrderType
    order_status: OrderStatus


@dataclass(slots=True)
class DepositRequest:
    """The wire's CreateLendOrder payload."""

    account_id: str
    balance_sats: float
    order_type: OrderType
    order_status: OrderStatus
    deposit_sats: float


@dataclass(slots=True)
class WithdrawalRequest:
    """The wire's ExecuteLendOrder payload; a withdrawal is always total."""

    account_id: str
    uuid: str
    order_type: OrderType
    settle_withdraw: float
    order_status: OrderStatus
    poolshare_price: float


@dataclass(slots=True)
class SlTp:
    """Stop-loss and take-profit prices; None where a leg is not wanted."""

    sl: float | None
    tp: float | None


@dataclass(slots=True)
class SlTpCancel:
    """Which legs to drop."""

    sl: bool
    tp: bool


@dataclass(slots=True)
class CreateTraderOrder:
    """Open a position, at once or at a limit."""

    request: OpenRequest
    meta: Meta
    payload: str
    request_id: str


@dataclass(slots=True)
class CreateTraderOrderSlTp:
    """Open a position and set its stop loss and take profit as soon as it is filled.

    `settle_message` is the hex of the bincode of the wire's ZkosSettleMsg, or None.
    """

    request: OpenRequest
    sltp: SlTp | None
    settle_message: str | None
    meta: Meta
    payload: str
    request_id: str


@dataclass(slots=True)
class ExecuteTraderOrder:
    """Close at the market, or set a close limit."""

    request: CloseRequest
    meta: Meta
    payload: str
    request_id: str


@dataclass(slots=True)
class ExecuteTraderOrderSlTp:
    """Close, or set or replace stop loss and take profit."""

    request: CloseRequest
    sltp: SlTp | None
    meta: Meta
    payload: str
    request_id: str


@dataclass(slots=True)
class CancelTraderOrder:
    """Cancel a resting open, or a close limit."""

    request: CancelRequest
    meta: Meta
    payload: str
    request_id: str


@dataclass(slots=True)
class CancelTraderOrderSlTp:
    """Drop stop loss or take profit, or cancel a resting open."""

    request: CancelRequest
    legs: SlTpCancel
    meta: Meta
    payload: str
    request_id: str


@dataclass(slots=True)
class CreateLendOrder:
    """Deposit into the pool."""

    request: DepositRequest
    meta: Meta
    payload: str
    request_id: str


@dataclass(slots=True)
class ExecuteLendOrder:
    """Withdraw a whole deposit."""

    request: WithdrawalRequest
    meta: Meta
    payload: str
    request_id: str


@dataclass(slots=True)
class SettleOnLimit:
    """The wire's RelayerCommandTraderOrderSettleOnLimit: an internal marker, never a client's command (C6)."""

    order: TraderOrder
    meta: Meta
    price: float


OpenCommand = CreateTraderOrder | CreateTraderOrderSlTp
CloseCommand = ExecuteTraderOrder | ExecuteTraderOrderSlTp
CancelCommand = CancelTraderOrder | CancelTraderOrderSlTp
LendCommand = CreateLendOrder | ExecuteLendOrder
ClientCommand = OpenCommand | CloseCommand | CancelCommand | LendCommand
RpcCommand = ClientCommand | SettleOnLimit
