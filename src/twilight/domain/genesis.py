"""The founding of the exchange (engine 1.4, decisions F3, R27)."""

from collections.abc import Iterator

from twilight.domain.context import Case
from twilight.domain.lending.pool_changes import SHARE_SCALE
from twilight.domain.model.commands import CreateLendOrder, DepositRequest, Meta
from twilight.domain.model.errors import Corrupt
from twilight.domain.model.events import (
    Event,
    FeeUpdate,
    FundingRateUpdate,
    LendOrderEvent,
    PoolUpdate,
    RiskParamsUpdate,
    Stop,
)
from twilight.domain.model.inputs import Genesis
from twilight.domain.model.orders import LendOrder, OrderStatus, OrderType
from twilight.domain.model.pool import (
    Commitment,
    InitiateNewPool,
    LendPool,
    PoolBatchOrder,
    RiskParams,
    StateOutput,
    UpdateFees,
)


def on_genesis(case: Case, genesis: Genesis) -> Iterator[list[Event]]:
    """Write fees, limits and the pool's first state; only once."""
    if case.state.pool.log_sequence:
        raise Corrupt("the exchange is already founded")
    now, us = case.conditions.now_iso, case.conditions.now_us
    params = RiskParams(**genesis.risk_params)
    order = first_order(case, genesis)
    pool = first_pool(genesis)
    initiate = InitiateNewPool(order, {"Pool_Initiate_time": us}, float(genesis.tlv_sats))
    request = DepositRequest(genesis.owner, order.deposit_sats, OrderType.LEND, OrderStatus.SETTLED, order.deposit_sats)
    meta: Meta = {"Relayer_default_pool": "Relayer_default_pool", "request_server_time": us}
    yield [
        FeeUpdate(UpdateFees(*genesis.fees), now, f"FeeUpdate-{now}"),
        RiskParamsUpdate(params, f"RiskParamsUpdate-{now}"),
        Stop(f"snapsot-start-{us}"),
        LendOrderEvent(order, CreateLendOrder(request, meta, "", ""), 1, f"add_order-{order.uuid}"),
        PoolUpdate(initiate, pool, pool.log_sequence, "Initiate_Lend_Pool"),
        FundingRateUpdate(0.0, 0.0, now, f"insert_fundingrate-{us}"),
    ]


def first_order(case: Case, genesis: Genesis) -> LendOrder:
    """Return the synthetic deposit that owns the first shares, in sats (W-50)."""
    tlv, tps = float(genesis.tlv_sats), float(genesis.tps)
    return LendOrder(
        genesis.uuid,
        genesis.owner,
        tlv,
        OrderStatus.SETTLED,
        OrderType.LEND,
        0,
        genesis.nonce,
        tlv,
        tlv,
        case.conditions.now_iso,
        float(genesis.tps * SHARE_SCALE),
        0.0,
        0.0,
        0.0,
        0.0,
        tlv,
        tps,
        tlv,
        tps,
        tlv,
        tps,
        1,
    )


def first_pool(genesis: Genesis) -> LendPool:
    """Return the pool at its first nonce."""
    output = StateOutput(
        genesis.nonce,
        genesis.script_address,
        genesis.owner,
        Commitment(genesis.tlv_sats, genesis.tlv_blinding),
        Commitment(genesis.tps, genesis.tps_blinding),
    )
    return LendPool(0, genesis.nonce, genesis.tps, genesis.tlv_sats, PoolBatchOrder(), 1, 0, output)
