"""Commands in both directions: the clients', the engine's own, and those that changed the pool."""

from __future__ import annotations

from twilight.domain.model import commands, pool
from twilight.wire import commands as wire
from twilight.wire.bincode import decode_hex, encode_hex
from twilight.wire.translate.records import (
    CANCEL_REQUEST,
    CLOSE_REQUEST,
    DEPOSIT_REQUEST,
    LEND_ORDER,
    META,
    OPEN_REQUEST,
    ORDER_TYPE,
    SLTP,
    SLTP_CANCEL,
    STATE_OUTPUT,
    TRADER_ORDER,
    WITHDRAWAL_REQUEST,
)
from twilight.wire.translate.shapes import (
    SAME,
    WHOLE,
    Shape,
    Untranslatable,
    encoded_once,
    optional,
    record,
    same,
    sequence,
    union,
)
from twilight.wire.types import Empty, ZkosSettleMsg


def _text(value: str | None) -> str:
    if value is None:
        raise Untranslatable("expected payload and request id, found a command of before 2024-03 without them")
    return value


TEXT = Shape(same, _text, same)
SETTLE_MESSAGE = Shape(
    lambda text: decode_hex(ZkosSettleMsg, text), encode_hex, lambda text: decode_hex(ZkosSettleMsg, text)
)

_RPC_COMMAND = union(
    wire.RpcCommand,
    {
        domain.__name__: (
            domain,
            record(domain, body, {"request": request, "meta": META, "payload": TEXT, "request_id": TEXT, **more}),
        )
        for domain, body, request, more in (
            (commands.CreateTraderOrder, wire.CreateTraderOrderCommand, OPEN_REQUEST, {}),
            (commands.CreateLendOrder, wire.CreateLendOrderCommand, DEPOSIT_REQUEST, {}),
            (commands.ExecuteTraderOrder, wire.ExecuteTraderOrderCommand, CLOSE_REQUEST, {}),
            (commands.ExecuteLendOrder, wire.ExecuteLendOrderCommand, WITHDRAWAL_REQUEST, {}),
            (commands.CancelTraderOrder, wire.CancelTraderOrderCommand, CANCEL_REQUEST, {}),
            (
                commands.ExecuteTraderOrderSlTp,
                wire.ExecuteTraderOrderSlTpCommand,
                CLOSE_REQUEST,
                {"sltp": optional(SLTP)},
            ),
            (
                commands.CreateTraderOrderSlTp,
                wire.CreateTraderOrderSlTpCommand,
                OPEN_REQUEST,
                {"sltp": optional(SLTP), "settle_message": optional(SETTLE_MESSAGE)},
            ),
            (
                commands.CancelTraderOrderSlTp,
                wire.CancelTraderOrderSlTpCommand,
                CANCEL_REQUEST,
                {"legs": SLTP_CANCEL},
            ),
        )
    }
    | {
        "RelayerCommandTraderOrderSettleOnLimit": (
            commands.SettleOnLimit,
            record(commands.SettleOnLimit, wire.SettleOnLimitCommand, {"order": TRADER_ORDER, "meta": META}),
        )
    },
)


RPC_COMMAND = encoded_once(_RPC_COMMAND)

# pool batches contain pool commands, which contain batches
_LATER = Shape(
    lambda batch: POOL_BATCH.to_wire(batch),  # noqa: PLW0108 - made below
    lambda batch: POOL_BATCH.from_wire(batch),  # noqa: PLW0108 - made below
    lambda batch: POOL_BATCH.to_json(batch),  # noqa: PLW0108 - made below
)
_TICKER = {"uuids": sequence(SAME), "meta": META}

RELAYER_COMMAND = union(
    wire.RelayerCommand,
    {
        domain.__name__: (domain, record(domain, body, changed))
        for domain, body, changed in (
            (pool.FundingCycle, wire.FundingCycleCommand, {"batch": _LATER, "meta": META}),
            (
                pool.FundingOrderEventUpdate,
                wire.FundingOrderEventUpdateCommand,
                {"order": TRADER_ORDER, "meta": META},
            ),
            (pool.PriceTickerLiquidation, wire.PriceTickerCommand, _TICKER),
            (pool.PriceTickerOrderFill, wire.PriceTickerCommand, _TICKER),
            (
                pool.PriceTickerOrderSettle,
                wire.PriceTickerOrderSettleCommand,
                {**_TICKER, "kind": ORDER_TYPE},
            ),
            (pool.FundingCycleLiquidation, wire.PriceTickerCommand, _TICKER),
            (pool.UpdateFees, wire.UpdateFeesCommand, {}),
        )
    }
    | {
        "RpcCommandPoolupdate": (
            pool.RpcCommandPoolupdate,
            Shape(lambda _: Empty(), lambda _: pool.RpcCommandPoolupdate(), lambda _: ()),
        )
    },
)

_BY_CLIENT = {"command": RPC_COMMAND, "order": TRADER_ORDER, "next_state": optional(STATE_OUTPUT)}
_BY_TICKER = {**_BY_CLIENT, "command": RELAYER_COMMAND}
_LENDING = {**_BY_CLIENT, "order": LEND_ORDER}

_LEND_POOL_COMMAND = union(
    wire.LendPoolCommand,
    {
        domain.__name__: (domain, record(domain, body, changed))
        for domain, body, changed in (
            (pool.AddTraderOrderSettlement, wire.TraderSettlementCommand, _BY_CLIENT),
            (pool.AddTraderLimitOrderSettlement, wire.TickerSettlementCommand, _BY_TICKER),
            (pool.AddFundingData, wire.FundingDataCommand, {"order": TRADER_ORDER}),
            (pool.AddTraderOrderLiquidation, wire.TickerSettlementCommand, _BY_TICKER),
            (pool.LendOrderCreateOrder, wire.LendPoolOrderCommand, _LENDING),
            (pool.LendOrderSettleOrder, wire.LendPoolOrderCommand, _LENDING),
            (pool.InitiateNewPool, wire.InitiateNewPoolCommand, {"order": LEND_ORDER, "meta": META}),
        )
    }
    | {
        "BatchExecuteTraderOrder": (
            pool.BatchExecuteTraderOrder,
            Shape(
                lambda batch: RELAYER_COMMAND.to_wire(batch.command),
                lambda command: pool.BatchExecuteTraderOrder(RELAYER_COMMAND.from_wire(command)),
                lambda batch: RELAYER_COMMAND.to_json(batch.command),
            ),
        )
    },
)

LEND_POOL_COMMAND = encoded_once(_LEND_POOL_COMMAND)
POOL_BATCH: Shape = record(pool.PoolBatchOrder, wire.PoolBatchOrder, {"trader_order_data": sequence(LEND_POOL_COMMAND)})
LEND_POOL = record(
    pool.LendPool,
    wire.LendPool,
    {
        "total_pool_share": WHOLE,
        "total_locked_value_sats": WHOLE,
        "pending_orders": POOL_BATCH,
        "last_output_state": optional(STATE_OUTPUT),
    },
)
