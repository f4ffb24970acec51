"""Everything that can happen: one class per event kind of the wire (engine 6.2, wire 6).

`agg_id` and `metadata` are the parts of the record key that an event has of its own (wire 1.5, decisions C5). The
members of `metadata`, all text:

* every event that a command caused: `queue`, `topic_id`, `offset`, `request_id` (each where known);
* `CurrentPriceUpdate`: `tick`, `kid`, `sig` (canonical text, key id, signature), `status`, `flags`;
* `FundingRateUpdate`: `funding_hour`, `funding_index`; the hour's other events: `funding_hour`;
* the `TraderOrderFundingUpdate` that opens a large hour: `charges_all_but`, `funding_index`, rules of the charge;
* `SortedSetDBUpdate` that puts a stop loss or take profit, `TxHash` that there is none to cancel: `leg` (`sl`, `tp`);
* the first `PoolUpdate` of a payment that was cut to what the pool has: `shortfall_sats`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from twilight.domain.model.commands import RpcCommand
from twilight.domain.model.inflight import Intent
from twilight.domain.model.orders import LendOrder, Side, TraderOrder, TxHashData
from twilight.domain.model.pool import (
    LendPool,
    LendPoolCommand,
    PositionSizeLog,
    RelayerCommand,
    RiskParams,
    RiskState,
    UpdateFees,
)

Metadata = dict[str, str]


class SetAction(StrEnum):
    """The wire's SortedSetCommand variants (wire 5.4)."""

    ADD_LIQUIDATION = "AddLiquidationPrice"
    ADD_OPEN_LIMIT = "AddOpenLimitPrice"
    ADD_CLOSE_LIMIT = "AddCloseLimitPrice"
    ADD_STOP_LOSS = "AddStopLossCloseLIMITPrice"
    ADD_TAKE_PROFIT = "AddTakeProfitCloseLIMITPrice"
    UPDATE_LIQUIDATION = "UpdateLiquidationPrice"
    UPDATE_OPEN_LIMIT = "UpdateOpenLimitPrice"
    UPDATE_CLOSE_LIMIT = "UpdateCloseLimitPrice"
    UPDATE_STOP_LOSS = "UpdateStopLossCloseLIMITPrice"
    UPDATE_TAKE_PROFIT = "UpdateTakeProfitCloseLIMITPrice"
    REMOVE_LIQUIDATION = "RemoveLiquidationPrice"
    REMOVE_OPEN_LIMIT = "RemoveOpenLimitPrice"
    REMOVE_CLOSE_LIMIT = "RemoveCloseLimitPrice"
    REMOVE_STOP_LOSS = "RemoveStopLossCloseLIMITPrice"
    REMOVE_TAKE_PROFIT = "RemoveTakeProfitCloseLIMITPrice"
    BULK_LIQUIDATION = "BulkSearchRemoveLiquidationPrice"
    BULK_OPEN_LIMIT = "BulkSearchRemoveOpenLimitPrice"
    BULK_CLOSE_LIMIT = "BulkSearchRemoveCloseLimitPrice"
    BULK_SLTP = "BulkSearchRemoveSLTPCloseLIMITPrice"


@dataclass(slots=True)
class SortedSetCommand:
    """A change of a trigger set.

    Add and Update have all three, Remove has no price, Bulk no uuid: there `side` names the set, else the position's.
    """

    action: SetAction
    uuid: str | None
    price: float | None
    side: Side


class SizeAction(StrEnum):
    """The wire's PositionSizeLogCommand variants."""

    ADD = "AddPositionSize"
    REMOVE = "RemovePositionSize"


@dataclass(slots=True)
class PositionSizeLogCommand:
    """A position entered or left the totals; `size` is exact."""

    action: SizeAction
    side: Side
    size: int


class RiskAction(StrEnum):
    """The wire's RiskEngineCommand variants."""

    ADD_EXPOSURE = "AddExposure"
    REMOVE_EXPOSURE = "RemoveExposure"
    ADD_PENDING_EXPOSURE = "AddPendingExposure"
    REMOVE_PENDING_EXPOSURE = "RemovePendingExposure"
    RECALCULATE_EXPOSURE = "RecalculateExposure"
    SET_MANUAL_HALT = "SetManualHalt"
    SET_MANUAL_CLOSE_ONLY = "SetManualCloseOnly"
    SET_PAUSE_FUNDING = "SetPauseFunding"
    SET_PAUSE_PRICE_FEED = "SetPausePriceFeed"


@dataclass(slots=True)
class RiskEngineCommand:
    """A change of exposure (`side`, `amount_sats`) or of a switch (`enabled`)."""

    action: RiskAction
    side: Side | None = None
    amount_sats: int | None = None
    enabled: bool | None = None


@dataclass(slots=True)
class TraderOrderEvent:
    """An order entered the book (FILLED, PENDING) or left it (SETTLED, CANCELLED)."""

    kind: ClassVar[str] = "TraderOrder"
    order: TraderOrder
    command: RpcCommand
    seq: int
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class TraderOrderUpdate:
    """A resting limit order was filled."""

    kind: ClassVar[str] = "TraderOrderUpdate"
    order: TraderOrder
    command: RelayerCommand
    seq: int
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class TraderOrderLimitUpdate:
    """A close price was set on an open order; its stored payload is the command's."""

    kind: ClassVar[str] = "TraderOrderLimitUpdate"
    order: TraderOrder
    command: RpcCommand
    seq: int
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class TraderOrderFundingUpdate:
    """Funding was applied to one order."""

    kind: ClassVar[str] = "TraderOrderFundingUpdate"
    order: TraderOrder
    command: RelayerCommand
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class TraderOrderLiquidation:
    """A position was liquidated."""

    kind: ClassVar[str] = "TraderOrderLiquidation"
    order: TraderOrder
    command: RelayerCommand
    seq: int
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class LendOrderEvent:
    """A deposit entered the pool (FILLED) or left it (SETTLED)."""

    kind: ClassVar[str] = "LendOrder"
    order: LendOrder
    command: RpcCommand
    seq: int
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class PoolUpdate:
    """The pool after the command; `pool.pending_orders` is filled only in the first event of a settlement."""

    kind: ClassVar[str] = "PoolUpdate"
    command: LendPoolCommand
    pool: LendPool
    seq: int
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class FundingRateUpdate:
    """The last event of a funding cycle."""

    kind: ClassVar[str] = "FundingRateUpdate"
    rate_pct: float
    price: float
    time: str
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class CurrentPriceUpdate:
    """An accepted tick, in whole dollars."""

    kind: ClassVar[str] = "CurrentPriceUpdate"
    price: float
    time: str
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class SortedSetDBUpdate:
    """A trigger set changed."""

    kind: ClassVar[str] = "SortedSetDBUpdate"
    command: SortedSetCommand
    time: str
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class PositionSizeLogDBUpdate:
    """Position totals after the change."""

    kind: ClassVar[str] = "PositionSizeLogDBUpdate"
    command: PositionSizeLogCommand
    log: PositionSizeLog
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class TxHash:
    """The answer to a request."""

    kind: ClassVar[str] = "TxHash"
    data: TxHashData
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class TxHashUpdate:
    """Something the engine did on its own."""

    kind: ClassVar[str] = "TxHashUpdate"
    data: TxHashData
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class FeeUpdate:
    """New fee levels."""

    kind: ClassVar[str] = "FeeUpdate"
    command: UpdateFees
    time: str
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class RiskEngineUpdate:
    """Exposure and switches after the change."""

    kind: ClassVar[str] = "RiskEngineUpdate"
    command: RiskEngineCommand
    state: RiskState
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class RiskParamsUpdate:
    """All risk parameters."""

    kind: ClassVar[str] = "RiskParamsUpdate"
    params: RiskParams
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class IntentOpened:
    """A transaction is to be sent, or a command waits for the pool's turn.

    It goes to the topic of intents, not to the event log; with no chain attached there is none (C11). Events that
    finish it carry `intent` (or `waited`) with its id in their metadata.
    """

    kind: ClassVar[str] = "IntentOpened"
    intent: Intent
    agg_id: str
    metadata: Metadata | None = None


@dataclass(slots=True)
class Stop:
    """A marker that a reader wrote; it changes nothing."""

    kind: ClassVar[str] = "Stop"
    text: str
    agg_id: str = "StopLoadMSG"
    metadata: Metadata | None = None


Event = (
    TraderOrderEvent
    | TraderOrderUpdate
    | TraderOrderLimitUpdate
    | TraderOrderFundingUpdate
    | TraderOrderLiquidation
    | LendOrderEvent
    | PoolUpdate
    | FundingRateUpdate
    | CurrentPriceUpdate
    | SortedSetDBUpdate
    | PositionSizeLogDBUpdate
    | TxHash
    | TxHashUpdate
    | FeeUpdate
    | RiskEngineUpdate
    | RiskParamsUpdate
    | IntentOpened
    | Stop
)
