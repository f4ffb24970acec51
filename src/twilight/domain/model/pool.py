"""The lending pool and the totals that belong to it (engine 1.4 to 1.6).

Whole numbers are Python integers here, however large; the wire shows them as doubles.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twilight.domain.model.commands import Meta, RpcCommand
from twilight.domain.model.orders import LendOrder, OrderType, TraderOrder


@dataclass(slots=True)
class Commitment:
    """An opened commitment: the value and the 32-byte blinding scalar (wire 4.7)."""

    value: int
    blinding: bytes


@dataclass(slots=True)
class StateOutput:
    """The pool's chain state at one nonce: commitments to its value and its shares."""

    nonce: int
    script_address: str
    owner: str
    tlv: Commitment
    tps: Commitment
    timebounds: int = 0


@dataclass(slots=True)
class FundingCycle:
    """Legal on the wire, never emitted."""

    batch: PoolBatchOrder
    meta: Meta
    rate: float


@dataclass(slots=True)
class FundingOrderEventUpdate:
    """Funding was applied to this order; the copy keeps the order's older timestamp."""

    order: TraderOrder
    meta: Meta


@dataclass(slots=True)
class PriceTickerLiquidation:
    """A tick, or the funding pass, liquidates these orders."""

    uuids: list[str]
    meta: Meta
    price: float


@dataclass(slots=True)
class PriceTickerOrderFill:
    """A tick fills these resting orders."""

    uuids: list[str]
    meta: Meta
    price: float


@dataclass(slots=True)
class PriceTickerOrderSettle:
    """A tick closes these positions by a trigger of this kind."""

    uuids: list[str]
    meta: Meta
    price: float
    kind: OrderType


@dataclass(slots=True)
class FundingCycleLiquidation:
    """Legal on the wire, never emitted."""

    uuids: list[str]
    meta: Meta
    price: float


@dataclass(slots=True)
class RpcCommandPoolupdate:
    """The marker inside the second pool event of a settlement."""


@dataclass(slots=True)
class UpdateFees:
    """The four fee levels in percent."""

    filled_on_market: float
    filled_on_limit: float
    settled_on_market: float
    settled_on_limit: float


RelayerCommand = (
    FundingCycle
    | FundingOrderEventUpdate
    | PriceTickerLiquidation
    | PriceTickerOrderFill
    | PriceTickerOrderSettle
    | FundingCycleLiquidation
    | RpcCommandPoolupdate
    | UpdateFees
)


@dataclass(slots=True)
class AddTraderOrderSettlement:
    """A request settles a position."""

    command: RpcCommand
    order: TraderOrder
    payment_sats: float
    next_state: StateOutput | None


@dataclass(slots=True)
class AddTraderLimitOrderSettlement:
    """A trigger settles a position."""

    command: RelayerCommand
    order: TraderOrder
    payment_sats: float
    next_state: StateOutput | None


@dataclass(slots=True)
class AddFundingData:
    """Legal inside FundingCycle, never emitted."""

    order: TraderOrder
    payment_sats: float


@dataclass(slots=True)
class AddTraderOrderLiquidation:
    """A position is liquidated; the pool receives its margin."""

    command: RelayerCommand
    order: TraderOrder
    payment_sats: float
    next_state: StateOutput | None


@dataclass(slots=True)
class LendOrderCreateOrder:
    """A deposit enters the pool."""

    command: RpcCommand
    order: LendOrder
    deposit_sats: float
    next_state: StateOutput | None


@dataclass(slots=True)
class LendOrderSettleOrder:
    """A deposit leaves the pool; `nwithdraw` is sats times 10,000."""

    command: RpcCommand
    order: LendOrder
    nwithdraw: float
    next_state: StateOutput | None


@dataclass(slots=True)
class BatchExecuteTraderOrder:
    """The pool has taken the batch of the event before."""

    command: RelayerCommand


@dataclass(slots=True)
class InitiateNewPool:
    """The genesis of the pool."""

    order: LendOrder
    meta: Meta
    tlv_sats: float | None


LendPoolCommand = (
    AddTraderOrderSettlement
    | AddTraderLimitOrderSettlement
    | AddFundingData
    | AddTraderOrderLiquidation
    | LendOrderCreateOrder
    | LendOrderSettleOrder
    | BatchExecuteTraderOrder
    | InitiateNewPool
)


@dataclass(slots=True)
class PoolBatchOrder:
    """What the pool is about to pay; non-empty only inside the first pool event of a settlement."""

    nonce: int = 0
    len: int = 0
    amount_sats: float = 0.0
    trader_order_data: list[LendPoolCommand] = field(default_factory=list)


@dataclass(slots=True)
class LendPool:
    """The pool: value (`total_locked_value_sats`, the exchange's equity), shares, chain state."""

    sequence: int
    nonce: int
    total_pool_share: int
    total_locked_value_sats: int
    pending_orders: PoolBatchOrder
    log_sequence: int
    last_snapshot_id: int
    last_output_state: StateOutput | None


@dataclass(slots=True)
class PositionSizeLog:
    """Sums of position size over FILLED orders, exact integers (R25)."""

    total_short_position_size: int
    total_long_position_size: int
    total_position_size: int


@dataclass(slots=True)
class RiskState:
    """Exposure in sats by side, filled and resting, and the operator's switches (engine 1.6)."""

    total_long_sats: int = 0
    total_short_sats: int = 0
    total_pending_long_sats: int = 0
    total_pending_short_sats: int = 0
    manual_halt: bool = False
    manual_close_only: bool = False
    pause_funding: bool = False
    pause_price_feed: bool = False


@dataclass(slots=True)
class RiskParams:
    """The limits of engine 2.15; percent and sats as the names say."""

    max_oi_mult: float = 4.0
    max_net_mult: float = 0.8
    max_position_pct: float = 0.02
    min_position_sats: float = 0.0
    max_leverage: float = 50.0
    mm_ratio: float = 0.4


@dataclass(slots=True)
class Fees:
    """The four fee levels in percent (engine 1.1 FeeType)."""

    filled_on_market: float = 0.04
    filled_on_limit: float = 0.02
    settled_on_market: float = 0.04
    settled_on_limit: float = 0.02
