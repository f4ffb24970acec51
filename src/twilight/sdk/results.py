"""What the methods answer (API specification 3 and 5), with decimals exact and times as moments."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct


class Acknowledgement(Struct, frozen=True):
    """An order is in the queue; its answers carry ``id_key`` as their request id."""

    msg: str
    id_key: str


class Price(Struct, frozen=True):
    """The newest index price, USD per bitcoin."""

    id: int
    price: Decimal
    timestamp: datetime


class FundingRate(Struct, frozen=True):
    """The newest funding rate, percent, and the price it was computed at."""

    id: int
    rate: Decimal
    price: Decimal
    timestamp: datetime


class Candle(Struct, frozen=True):
    """Prices and volumes of one interval; ``end`` is exclusive."""

    updated_at: datetime
    start: datetime
    end: datetime
    resolution: str
    low: Decimal
    high: Decimal
    open: Decimal
    close: Decimal
    btc_volume: Decimal
    trades: int
    usd_volume: Decimal


class PositionSize(Struct, frozen=True):
    """Totals of open positions, satoshi-dollars."""

    total_short: Decimal
    total_long: Decimal
    total: Decimal


class PoolInfo(Struct, frozen=True):
    """The lending pool: whole shares and satoshi."""

    id: int
    sequence: int
    nonce: int
    total_pool_share: Decimal
    total_locked_value: Decimal
    pending_orders: int


class Trade(Struct, frozen=True):
    """One fill or close."""

    order_id: str
    side: str
    price: Decimal
    positionsize: Decimal
    timestamp: datetime


class TxHash(Struct, frozen=True):
    """One answer to a request, or one change that the exchange made by itself."""

    id: int
    order_id: str
    account_id: str
    tx_hash: str
    order_type: str
    order_status: str
    datetime: str
    output: str | None = None
    request_id: str | None = None
    reason: str | None = None
    old_price: float | None = None
    new_price: float | None = None


class TraderOrder(Struct, frozen=True):
    """A trader's order in its newest state: satoshi, USD per bitcoin."""

    id: int
    uuid: str
    account_id: str
    position_type: str
    order_status: str
    order_type: str
    entryprice: Decimal
    execution_price: Decimal
    positionsize: Decimal
    leverage: Decimal
    initial_margin: Decimal
    available_margin: Decimal
    timestamp: datetime
    bankruptcy_price: Decimal
    bankruptcy_value: Decimal
    maintenance_margin: Decimal
    liquidation_price: Decimal
    unrealized_pnl: Decimal
    settlement_price: Decimal
    entry_nonce: int
    exit_nonce: int
    entry_sequence: int
    fee_filled: Decimal
    fee_settled: Decimal


class LendOrder(Struct, frozen=True):
    """A lender's order in its newest state: satoshi, and ten-thousandths of a share."""

    id: int
    uuid: str
    account_id: str
    balance: Decimal
    order_status: str
    order_type: str
    entry_nonce: int
    exit_nonce: int
    deposit: Decimal
    new_lend_state_amount: Decimal
    timestamp: datetime
    npoolshare: Decimal
    nwithdraw: Decimal
    payment: Decimal
    entry_sequence: int


class Health(Struct, frozen=True):
    """The exchange's API answers; the timestamp is in microseconds."""

    status: str
    timestamp: int
