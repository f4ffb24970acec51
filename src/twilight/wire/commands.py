"""Commands: what a client asks for, and what the core's events carry (wire.md 5).

``RpcCommand`` is the whole value of a record on ``CLIENT-REQUEST``; the others appear inside events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

from twilight.wire import errors
from twilight.wire.codec import MessageCodec, encode
from twilight.wire.types import (
    CancelTraderOrder,
    CreateLendOrder,
    CreateTraderOrder,
    Empty,
    ExecuteLendOrder,
    ExecuteTraderOrder,
    LendOrder,
    Meta,
    OrderType,
    Output,
    PositionType,
    SlTpOrder,
    SlTpOrderCancel,
    Tagged,
    TraderOrder,
    Usize,
    UuidText,
    Wire,
    WireTuple,
    ZkosSettleMsg,
)

# --- RpcCommand (wire.md 5.1). Before 2024 there was no hex, before March 2024 no request id. -------


class CreateTraderOrderCommand(WireTuple, frozen=True, gc=False):
    """Open a position; the hex is the client's Transaction."""

    order: CreateTraderOrder
    meta: Meta
    payload_hex: str | None
    request_id: str | None


class CreateLendOrderCommand(WireTuple, frozen=True, gc=False):
    """Deposit; the hex is the whole ZkosCreateOrder."""

    order: CreateLendOrder
    meta: Meta
    payload_hex: str | None
    request_id: str | None


class ExecuteTraderOrderCommand(WireTuple, frozen=True, gc=False):
    """Close a position; the hex is a ZkosSettleMsg."""

    order: ExecuteTraderOrder
    meta: Meta
    payload_hex: str | None
    request_id: str | None


class ExecuteLendOrderCommand(WireTuple, frozen=True, gc=False):
    """Withdraw; the hex is a ZkosSettleMsg."""

    order: ExecuteLendOrder
    meta: Meta
    payload_hex: str | None
    request_id: str | None


class CancelTraderOrderCommand(WireTuple, frozen=True, gc=False):
    """Cancel a resting order; the hex is a ZkosCancelMsg."""

    order: CancelTraderOrder
    meta: Meta
    payload_hex: str | None
    request_id: str | None


class SettleOnLimitCommand(WireTuple, frozen=True, gc=False):
    """The ticker settled an order, or a resting order's chain step failed. Only inside events."""

    order: TraderOrder
    meta: Meta
    price: float


class ExecuteTraderOrderSlTpCommand(WireTuple, frozen=True, gc=False):
    """Set stop-loss and take-profit on an open position."""

    order: ExecuteTraderOrder
    sltp: SlTpOrder | None
    meta: Meta
    payload_hex: str
    request_id: str


class CreateTraderOrderSlTpCommand(WireTuple, frozen=True, gc=False):
    """Open a position with triggers. Rust reads ``settle`` only when it is null (wire.md 2.9)."""

    order: CreateTraderOrder
    sltp: SlTpOrder | None
    settle: ZkosSettleMsg | None
    meta: Meta
    payload_hex: str
    request_id: str


class CancelTraderOrderSlTpCommand(WireTuple, frozen=True, gc=False):
    """Drop stop-loss, take-profit or both."""

    order: CancelTraderOrder
    sltp: SlTpOrderCancel
    meta: Meta
    payload_hex: str
    request_id: str


class RpcCommand(Tagged, frozen=True, gc=False):
    """A client's command."""

    CreateTraderOrder: CreateTraderOrderCommand | UnsetType = UNSET
    CreateLendOrder: CreateLendOrderCommand | UnsetType = UNSET
    ExecuteTraderOrder: ExecuteTraderOrderCommand | UnsetType = UNSET
    ExecuteLendOrder: ExecuteLendOrderCommand | UnsetType = UNSET
    CancelTraderOrder: CancelTraderOrderCommand | UnsetType = UNSET
    RelayerCommandTraderOrderSettleOnLimit: SettleOnLimitCommand | UnsetType = UNSET
    ExecuteTraderOrderSlTp: ExecuteTraderOrderSlTpCommand | UnsetType = UNSET
    CreateTraderOrderSlTp: CreateTraderOrderSlTpCommand | UnsetType = UNSET
    CancelTraderOrderSlTp: CancelTraderOrderSlTpCommand | UnsetType = UNSET


# --- RelayerCommand (wire.md 5.2) and LendPoolCommand (5.3), which contain each other ----------------


class FundingOrderEventUpdateCommand(WireTuple, frozen=True, gc=False):
    """Funding was applied to one order; the copy has the earlier timestamp."""

    order: TraderOrder
    meta: Meta


class PriceTickerCommand(WireTuple, frozen=True, gc=False):
    """The ticker touched these orders at this price."""

    uuids: tuple[UuidText, ...]
    meta: Meta
    price: float


class PriceTickerOrderSettleCommand(WireTuple, frozen=True, gc=False):
    """A close price was reached; ``order_type`` says which kind (v0.1.3, before: three elements)."""

    uuids: tuple[UuidText, ...]
    meta: Meta
    price: float
    order_type: OrderType

    @staticmethod
    def older(found: Any, record_time: Callable[[], str]) -> Any:  # noqa: ANN401, ARG004 - any JSON value
        """Before v0.1.3 the order type was missing: it was always a limit."""
        return [*found, "LIMIT"] if type(found) is list and len(found) == 3 else found  # noqa: PLR2004


class UpdateFeesCommand(WireTuple, frozen=True, gc=False):
    """The four fee levels, in percent."""

    filled_on_market: float
    filled_on_limit: float
    settled_on_market: float
    settled_on_limit: float


class FundingCycleCommand(WireTuple, frozen=True, gc=False):
    """A whole funding cycle: legal, not emitted."""

    batch: PoolBatchOrder
    meta: Meta
    rate: float


class RelayerCommand(Tagged, frozen=True, gc=False):
    """A command that the core gave itself."""

    FundingCycle: FundingCycleCommand | UnsetType = UNSET
    FundingOrderEventUpdate: FundingOrderEventUpdateCommand | UnsetType = UNSET
    PriceTickerLiquidation: PriceTickerCommand | UnsetType = UNSET
    PriceTickerOrderFill: PriceTickerCommand | UnsetType = UNSET
    PriceTickerOrderSettle: PriceTickerOrderSettleCommand | UnsetType = UNSET
    FundingCycleLiquidation: PriceTickerCommand | UnsetType = UNSET
    RpcCommandPoolupdate: Empty | UnsetType = UNSET
    UpdateFees: UpdateFeesCommand | UnsetType = UNSET


class TraderSettlementCommand(WireTuple, frozen=True, gc=False):
    """A client's close: what the pool pays (negative: receives) and the pool's next chain state."""

    command: RpcCommand
    order: TraderOrder
    payment: float
    output: Output | None


class TickerSettlementCommand(WireTuple, frozen=True, gc=False):
    """A close or liquidation by the ticker, like :class:`TraderSettlementCommand`."""

    command: RelayerCommand
    order: TraderOrder
    payment: float
    output: Output | None


class FundingDataCommand(WireTuple, frozen=True, gc=False):
    """One order's share of a funding cycle; only nested in ``FundingCycle``."""

    order: TraderOrder
    payment: float


class LendPoolOrderCommand(WireTuple, frozen=True, gc=False):
    """A deposit (``amount`` sat) or a withdrawal (``amount`` sat x 10,000)."""

    command: RpcCommand
    order: LendOrder
    amount: float
    output: Output | None


class InitiateNewPoolCommand(WireTuple, frozen=True, gc=False):
    """The pool's creation; ``total_locked_value`` is absent before 2024-02."""

    order: LendOrder
    meta: Meta
    total_locked_value: float | None


class LendPoolCommand(Tagged, frozen=True, gc=False):
    """What changed the pool."""

    AddTraderOrderSettlement: TraderSettlementCommand | UnsetType = UNSET
    AddTraderLimitOrderSettlement: TickerSettlementCommand | UnsetType = UNSET
    AddFundingData: FundingDataCommand | UnsetType = UNSET
    AddTraderOrderLiquidation: TickerSettlementCommand | UnsetType = UNSET
    LendOrderCreateOrder: LendPoolOrderCommand | UnsetType = UNSET
    LendOrderSettleOrder: LendPoolOrderCommand | UnsetType = UNSET
    BatchExecuteTraderOrder: RelayerCommand | UnsetType = UNSET
    InitiateNewPool: InitiateNewPoolCommand | UnsetType = UNSET


class PoolBatchOrder(Wire, frozen=True, gc=False):
    """Settlements that wait for the pool's next state; ``amount`` is the sum of payments."""

    nonce: Usize
    len: Usize
    amount: float
    trader_order_data: tuple[LendPoolCommand, ...]


class LendPool(Wire, frozen=True, gc=False):
    """The pool after a command."""

    sequence: Usize
    nonce: Usize
    total_pool_share: float
    total_locked_value: float
    pending_orders: PoolBatchOrder
    aggrigate_log_sequence: Usize
    last_snapshot_id: Usize
    last_output_state: Output | None


# --- SortedSetCommand (wire.md 5.4), PositionSizeLogCommand and RiskEngineCommand (5.5) -------------


class SetPrice(WireTuple, frozen=True, gc=False):
    """Put an order into a trigger set at a price in USD."""

    uuid: UuidText
    price: float
    position_type: PositionType


class SetRemove(WireTuple, frozen=True, gc=False):
    """Take an order out of a trigger set."""

    uuid: UuidText
    position_type: PositionType


class SetBulkRemove(WireTuple, frozen=True, gc=False):
    """Take every order that a price has reached out of a trigger set."""

    price: float
    position_type: PositionType


class SortedSetCommand(Tagged, frozen=True, gc=False):
    """A change of the price index."""

    AddLiquidationPrice: SetPrice | UnsetType = UNSET
    AddOpenLimitPrice: SetPrice | UnsetType = UNSET
    AddCloseLimitPrice: SetPrice | UnsetType = UNSET
    AddStopLossCloseLIMITPrice: SetPrice | UnsetType = UNSET
    AddTakeProfitCloseLIMITPrice: SetPrice | UnsetType = UNSET
    UpdateLiquidationPrice: SetPrice | UnsetType = UNSET
    UpdateOpenLimitPrice: SetPrice | UnsetType = UNSET
    UpdateCloseLimitPrice: SetPrice | UnsetType = UNSET
    UpdateStopLossCloseLIMITPrice: SetPrice | UnsetType = UNSET
    UpdateTakeProfitCloseLIMITPrice: SetPrice | UnsetType = UNSET
    RemoveLiquidationPrice: SetRemove | UnsetType = UNSET
    RemoveOpenLimitPrice: SetRemove | UnsetType = UNSET
    RemoveCloseLimitPrice: SetRemove | UnsetType = UNSET
    RemoveStopLossCloseLIMITPrice: SetRemove | UnsetType = UNSET
    RemoveTakeProfitCloseLIMITPrice: SetRemove | UnsetType = UNSET
    BulkSearchRemoveLiquidationPrice: SetBulkRemove | UnsetType = UNSET
    BulkSearchRemoveOpenLimitPrice: SetBulkRemove | UnsetType = UNSET
    BulkSearchRemoveCloseLimitPrice: SetBulkRemove | UnsetType = UNSET
    BulkSearchRemoveSLTPCloseLIMITPrice: SetBulkRemove | UnsetType = UNSET


class SideAmount(WireTuple, frozen=True, gc=False):
    """A side and an amount: sat x USD for position sizes, sat for exposures."""

    position_type: PositionType
    amount: float


class PositionSizeLogCommand(Tagged, frozen=True, gc=False):
    """A change of the open position sizes."""

    AddPositionSize: SideAmount | UnsetType = UNSET
    RemovePositionSize: SideAmount | UnsetType = UNSET


class RiskEngineCommand(Tagged, frozen=True, gc=False):
    """A change of exposure or of a switch; ``RECALCULATE`` is the one variant without data."""

    AddExposure: SideAmount | UnsetType = UNSET
    RemoveExposure: SideAmount | UnsetType = UNSET
    AddPendingExposure: SideAmount | UnsetType = UNSET
    RemovePendingExposure: SideAmount | UnsetType = UNSET
    SetManualHalt: bool | UnsetType = UNSET
    SetManualCloseOnly: bool | UnsetType = UNSET
    SetPauseFunding: bool | UnsetType = UNSET
    SetPausePriceFeed: bool | UnsetType = UNSET


Recalculate = Literal["RecalculateExposure"]
RECALCULATE: Recalculate = "RecalculateExposure"

_COMMANDS: Final = MessageCodec(RpcCommand, errors.UNKNOWN_COMMAND)


def decode_command(value: bytes | None) -> RpcCommand:
    """Return the command of a ``CLIENT-REQUEST`` record, older shapes made current.

    Raises:
        Quarantine: the bytes are no command.
    """
    return _COMMANDS.decode(value)


def encode_command(command: RpcCommand) -> bytes:
    """Return the exact bytes of a ``CLIENT-REQUEST`` value.

    Raises:
        Unencodable: a number is not finite, or a text holds NUL.
    """
    return encode(command)
