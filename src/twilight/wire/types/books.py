"""What the exchange keeps: orders, deposits, totals, and the answers to requests (wire.md 4.4 to 4.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twilight.wire.types.base import OrderStatus, OrderType, PositionType, TimeText, Usize, UuidText, Wire


class TraderOrder(Wire, frozen=True, gc=False):
    """A trader's order after a change; the fees were added in 2025-06."""

    ABSENT: ClassVar = {"fee_filled": 0.0, "fee_settled": 0.0}

    uuid: UuidText
    account_id: str
    position_type: PositionType
    order_status: OrderStatus
    order_type: OrderType
    entryprice: float
    execution_price: float
    positionsize: float
    leverage: float
    initial_margin: float
    available_margin: float
    timestamp: TimeText
    bankruptcy_price: float
    bankruptcy_value: float
    maintenance_margin: float
    liquidation_price: float
    unrealized_pnl: float
    settlement_price: float
    entry_nonce: Usize
    exit_nonce: Usize
    entry_sequence: Usize
    fee_filled: float
    fee_settled: float


class LendOrder(Wire, frozen=True, gc=False):
    """A lender's order; ``tlv``/``tps`` 0 and 1 around the deposit, 2 and 3 around the withdrawal."""

    uuid: UuidText
    account_id: str
    balance: float
    order_status: OrderStatus
    order_type: OrderType
    entry_nonce: Usize
    exit_nonce: Usize
    deposit: float
    new_lend_state_amount: float
    timestamp: TimeText
    npoolshare: float
    nwithdraw: float
    payment: float
    tlv0: float
    tps0: float
    tlv1: float
    tps1: float
    tlv2: float
    tps2: float
    tlv3: float
    tps3: float
    entry_sequence: Usize


class PositionSizeLog(Wire, frozen=True, gc=False):
    """Totals of open position sizes, in sat x USD."""

    total_short_positionsize: float
    total_long_positionsize: float
    totalpositionsize: float


class RiskState(Wire, frozen=True, gc=False):
    """Exposure and switches; the ``_btc`` members hold satoshi despite their name.

    The pending pair and the pauses came later in 2026-02.
    """

    ABSENT: ClassVar = {
        "total_pending_long_btc": 0.0,
        "total_pending_short_btc": 0.0,
        "pause_funding": False,
        "pause_price_feed": False,
    }

    total_long_btc: float
    total_short_btc: float
    total_pending_long_btc: float
    total_pending_short_btc: float
    manual_halt: bool
    manual_close_only: bool
    pause_funding: bool
    pause_price_feed: bool


class RiskParams(Wire, frozen=True, gc=False):
    """Limits of the risk gate; ``min_position_btc`` is in satoshi, ``mm_ratio`` in percent."""

    ABSENT: ClassVar = {"mm_ratio": 0.4}

    max_oi_mult: float
    max_net_mult: float
    max_position_pct: float
    min_position_btc: float
    max_leverage: float
    mm_ratio: float


class TxHashData(Wire, frozen=True, gc=False):
    """What became of a request or of a transaction that the core started (wire.md 4.9)."""

    order_id: UuidText
    account_id: str
    tx_hash: str
    order_type: OrderType
    order_status: OrderStatus
    datetime: TimeText
    output: str | None
    request_id: str
    reason: str | None
    old_price: float | None
    new_price: float | None

    @staticmethod
    def older(found: Any, record_time: Callable[[], str]) -> Any:  # noqa: ANN401, ARG004 - any JSON value
        """Until March 2026 an array of the first 6, 7 or 8 members."""
        if type(found) is list and len(found) in (6, 7):
            return [*found, *(None, "")[len(found) - 6 :]]
        return found
