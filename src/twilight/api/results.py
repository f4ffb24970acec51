"""The objects that methods answer with, members in the order of API specification 3 and 5."""

from typing import Any

from msgspec import Struct

from twilight.api.scalars import (
    AMOUNT_SCALE,
    PRICE_SCALE,
    RATE_SCALE,
    DecimalText,
    TimeText,
    decimal_text,
    fixed_text,
    time_text,
)

Row = Any  # a named tuple of the query


class PriceRow(Struct, frozen=True):
    """One index price, in USD per bitcoin."""

    id: int
    price: DecimalText
    timestamp: TimeText

    @classmethod
    def of(cls, row: Row) -> "PriceRow":
        """Return the price of a stored tick."""
        return cls(row.src_offset, decimal_text(row.price, PRICE_SCALE), time_text(row.ts))


class FundingRow(Struct, frozen=True):
    """One hour's funding rate, in percent."""

    id: int
    rate: DecimalText
    price: DecimalText
    timestamp: TimeText

    @classmethod
    def of(cls, row: Row) -> "FundingRow":
        """Return the funding of a stored hour."""
        return cls(
            row.src_offset,
            decimal_text(row.rate, RATE_SCALE),
            decimal_text(row.price, PRICE_SCALE),
            time_text(row.ts),
        )


class FeeRow(Struct, frozen=True):
    """The fee levels from a moment on, in percent, in full."""

    id: int
    order_filled_on_market: DecimalText
    order_filled_on_limit: DecimalText
    order_settled_on_market: DecimalText
    order_settled_on_limit: DecimalText
    timestamp: TimeText

    @classmethod
    def of(cls, row: Row) -> "FeeRow":
        """Return stored fee levels."""
        return cls(
            row.src_offset,
            decimal_text(row.order_filled_on_market),
            decimal_text(row.order_filled_on_limit),
            decimal_text(row.order_settled_on_market),
            decimal_text(row.order_settled_on_limit),
            time_text(row.ts),
        )


class Candle(Struct, frozen=True):
    """Prices and volumes of the trades of one interval; ``end`` is exclusive."""

    updated_at: TimeText
    start: TimeText
    end: TimeText
    resolution: str
    low: DecimalText
    high: DecimalText
    open: DecimalText
    close: DecimalText
    btc_volume: DecimalText
    trades: int
    usd_volume: DecimalText


class PositionSize(Struct, frozen=True):
    """Totals of open positions, in satoshi-dollars."""

    total_short: DecimalText
    total_long: DecimalText
    total: DecimalText


class Trade(Struct, frozen=True):
    """One opening fill, close or liquidation."""

    order_id: str
    side: str
    price: DecimalText
    positionsize: DecimalText
    timestamp: TimeText

    @classmethod
    def of(cls, row: Row) -> "Trade":
        """Return a stored trade."""
        return cls(
            str(row.order_uuid),
            row.side,
            decimal_text(row.price, PRICE_SCALE),
            decimal_text(row.positionsize),
            time_text(row.ts),
        )


class PoolInfo(Struct, frozen=True):
    """The lending pool: shares, and value in satoshi."""

    id: int
    sequence: int
    nonce: int
    total_pool_share: DecimalText
    total_locked_value: DecimalText
    pending_orders: int
    aggregate_log_sequence: int
    last_snapshot_id: int


class BookLevel(Struct, frozen=True):
    """The resting interest at one price."""

    id: str
    positionsize: float
    price: float


class Book(Struct, frozen=True):
    """The best levels of each side, best first."""

    bid: list[BookLevel]
    ask: list[BookLevel]


class TxHash(Struct, frozen=True):
    """What became of a request, or of a transaction that the core started itself."""

    id: int
    order_id: str
    account_id: str
    tx_hash: str
    order_type: str
    order_status: str
    datetime: str
    output: str | None
    request_id: str | None
    reason: str | None
    old_price: float | None
    new_price: float | None

    @classmethod
    def of(cls, row: Row) -> "TxHash":
        """Return a stored record; the request id is the one that was filled in where its own is empty."""
        return cls(
            row.src_offset,
            row.order_id,
            row.account_id,
            row.tx_hash,
            row.order_type,
            row.order_status,
            row.datetime,
            row.output,
            row.request_id or row.request_id_filled or row.request_id,
            row.reason,
            _number(row.old_price),
            _number(row.new_price),
        )


class TraderOrder(Struct, frozen=True):
    """A trader's order in one state: sizes in satoshi and satoshi-dollars, prices in USD per bitcoin."""

    id: int
    uuid: str
    account_id: str
    position_type: str
    order_status: str
    order_type: str
    entryprice: DecimalText
    execution_price: DecimalText
    positionsize: DecimalText
    leverage: DecimalText
    initial_margin: DecimalText
    available_margin: DecimalText
    timestamp: TimeText
    bankruptcy_price: DecimalText
    bankruptcy_value: DecimalText
    maintenance_margin: DecimalText
    liquidation_price: DecimalText
    unrealized_pnl: DecimalText
    settlement_price: DecimalText
    entry_nonce: int
    exit_nonce: int
    entry_sequence: int
    fee_filled: DecimalText
    fee_settled: DecimalText


TRADER_SCALES: dict[str, int | None] = {
    "entryprice": PRICE_SCALE,
    "execution_price": PRICE_SCALE,
    "positionsize": None,
    "leverage": None,
    "initial_margin": None,
    "available_margin": AMOUNT_SCALE,
    "bankruptcy_price": PRICE_SCALE,
    "bankruptcy_value": AMOUNT_SCALE,
    "maintenance_margin": AMOUNT_SCALE,
    "liquidation_price": PRICE_SCALE,
    "unrealized_pnl": PRICE_SCALE,
    "settlement_price": PRICE_SCALE,
    "fee_filled": AMOUNT_SCALE,
    "fee_settled": AMOUNT_SCALE,
}


class LendOrder(Struct, frozen=True):
    """A lender's order in one state; ``tlv`` and ``tps`` 0, 1 around the deposit and 2, 3 around the withdrawal."""

    id: int
    uuid: str
    account_id: str
    balance: DecimalText
    order_status: str
    order_type: str
    entry_nonce: int
    exit_nonce: int
    deposit: DecimalText
    new_lend_state_amount: DecimalText
    timestamp: TimeText
    npoolshare: DecimalText
    nwithdraw: DecimalText
    payment: DecimalText
    tlv0: DecimalText
    tps0: DecimalText
    tlv1: DecimalText
    tps1: DecimalText
    tlv2: DecimalText
    tps2: DecimalText
    tlv3: DecimalText
    tps3: DecimalText
    entry_sequence: int


LEND_SCALES: dict[str, int | None] = dict.fromkeys(
    ("balance", "deposit", "tlv0", "tps0", "tlv1", "tps1", "tlv2", "tps2", "tlv3", "tps3")
) | dict.fromkeys(("new_lend_state_amount", "npoolshare", "nwithdraw", "payment"), AMOUNT_SCALE)


class Trigger(Struct, frozen=True):
    """A price at which a position closes by itself."""

    uuid: str
    position_type: str
    price: DecimalText
    created_time: TimeText

    @classmethod
    def of(cls, row: Row) -> "Trigger":
        """Return a stored trigger."""
        return cls(
            str(row.order_uuid), row.position_type, fixed_text(row.price, PRICE_SCALE), time_text(row.created_ts)
        )


class UnrealisedProfit(Struct, frozen=True):
    """What a deposit would have earned if it were withdrawn now: satoshi, and percent a year."""

    u_pnl: float
    apr: float
    timestamp: TimeText


class TraderOrderV1(TraderOrder, frozen=True):
    """A trader's order with its triggers and the funding it has paid, in satoshi."""

    settle_limit: Trigger | None
    take_profit: Trigger | None
    stop_loss: Trigger | None
    funding_applied: DecimalText | None


class LendOrderV1(LendOrder, frozen=True):
    """A lender's order with what it has earned."""

    unrealised_profit: UnrealisedProfit


class FundingPayment(Struct, frozen=True):
    """What one funding hour cost an order (negative: brought it), in satoshi."""

    time: TimeText
    position_side: str
    payment: DecimalText
    funding_rate: DecimalText
    order_id: str


def trader_members(row: Row) -> dict[str, Any]:
    """Return the members of a TraderOrder from a stored state."""
    return _members(TraderOrder, row, TRADER_SCALES)


def lend_members(row: Row) -> dict[str, Any]:
    """Return the members of a LendOrder from a stored state."""
    return _members(LendOrder, row, LEND_SCALES)


def _members(shape: type[Struct], row: Row, scales: dict[str, int | None]) -> dict[str, Any]:
    special = {"id": row.src_offset, "uuid": str(row.uuid), "timestamp": time_text(row.ts)}
    return {
        name: special[name]
        if name in special
        else decimal_text(getattr(row, name), scales[name])
        if name in scales
        else getattr(row, name)
        for name in shape.__struct_fields__
    }


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
