"""The structures that messages share, in the wire's names and order (wire.md 4).

A ``Wire`` is written as an object, a ``WireTuple`` as an array, a ``Tagged`` as an object with the one
member that names the variant. Amounts are satoshi as f64 unless a name says otherwise, prices are USD
per bitcoin, rates percent. Enumerations are plain text, because an unknown text must be kept (3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec import Meta as Bound

I64_MAX: Final = 2**63 - 1

# msgspec bounds end at 63 bits. Larger numbers take the careful path, which knows the true bounds.
Usize = Annotated[int, Bound(ge=0, le=I64_MAX, extra={"wire": "usize"})]
U64 = Annotated[int, Bound(ge=0, le=I64_MAX, extra={"wire": "u64"})]
U32 = Annotated[int, Bound(ge=0, le=2**32 - 1, extra={"wire": "u32"})]
U8 = Annotated[int, Bound(ge=0, le=2**8 - 1, extra={"wire": "u8"})]
I128 = Annotated[int, Bound(ge=-(2**63), le=I64_MAX, extra={"wire": "i128"})]
UuidText = Annotated[
    str,
    Bound(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z",
        extra={"wire": "uuid"},
    ),
]
TimeText = Annotated[str, Bound(extra={"wire": "time"})]
Bytes32 = Annotated[tuple[U8, ...], Bound(min_length=32, max_length=32, extra={"wire": "bytes32"})]
Point = Annotated[tuple[U8, ...], Bound(min_length=32, max_length=32, extra={"wire": "bytes32", "group": "point"})]
Scalar = Annotated[tuple[U8, ...], Bound(min_length=32, max_length=32, extra={"wire": "bytes32", "group": "scalar"})]
Bytes64 = Annotated[tuple[U8, ...], Bound(min_length=64, max_length=64, extra={"wire": "bytes64"})]

POSITION_TYPES: Final = ("LONG", "SHORT")
ORDER_TYPES: Final = ("LIMIT", "MARKET", "DARK", "LEND", "SLTP", "Stoploss", "Takeprofit")
# The position of the last nine among each other is not established (wire.md 4.1).
ORDER_STATUSES: Final = (
    "SETTLED",
    "LENDED",
    "LIQUIDATE",
    "CANCELLED",
    "PENDING",
    "FILLED",
    "DuplicateOrder",
    "UtxoError",
    "Error",
    "NoResponseFromChain",
    "RejectedFromChain",
    "BincodeError",
    "HexCodeError",
    "SerializationError",
    "RequestSubmitted",
    "OrderNotFound",
    "FilledUpdated",
    "CancelledStopLoss",
    "CancelledTakeProfit",
    "LimitPriceAdded",
    "LimitPriceUpdated",
    "StopLossAdded",
    "StopLossUpdated",
    "TakeProfitAdded",
    "TakeProfitUpdated",
    "RejectedByRiskEngine",
    "CancelledLimitClose",
    "OrderUpdated",
)
IO_TYPES: Final = ("Coin", "Memo", "State")

# Unknown texts are kept, so these are texts; their names give the positions in binary messages.
PositionType = Annotated[str, Bound(extra={"wire": "enum", "names": POSITION_TYPES})]
OrderType = Annotated[str, Bound(extra={"wire": "enum", "names": ORDER_TYPES})]
OrderStatus = Annotated[str, Bound(extra={"wire": "enum", "names": ORDER_STATUSES})]
IOType = Annotated[str, Bound(extra={"wire": "enum", "names": IO_TYPES})]


class Wire(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A structure: an object with its members in declaration order, all present.

    A class that has a past says so itself: ``ABSENT`` gives the values of members that were added
    later, ``older`` rearranges an earlier shape (wire.md 3.4).
    """

    ABSENT: ClassVar[Mapping[str, object]] = {}

    @staticmethod
    def older(found: Any, record_time: Callable[[], str]) -> Any:  # noqa: ANN401, ARG004 - any JSON value
        """Return the parsed JSON value in today's arrangement."""
        return found


class WireTuple(Wire, frozen=True, gc=False, forbid_unknown_fields=True, array_like=True):
    """The elements of a variant: an array in order."""


class Tagged(Wire, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """An enumeration with data: exactly one member is set, and its name is the variant.

    ``POSITIONS`` gives the variants' numbers in binary messages where they are not simply the order.
    """

    POSITIONS: ClassVar[Mapping[str, int]] = {}

    def __post_init__(self) -> None:
        values = msgspec.structs.astuple(self)
        if values.count(UNSET) != len(values) - 1:
            raise ValueError("expected exactly one variant")

    @classmethod
    def of(cls, kind: str, value: object) -> Self:
        """Return the enumeration holding ``value`` as the variant ``kind``."""
        return cls(**{kind: value})

    @property
    def kind(self) -> str:
        """The variant's name on the wire."""
        return self.variant()[0]

    @property
    def value(self) -> object:
        """The variant's payload."""
        for value in msgspec.structs.astuple(self):
            if value is not UNSET:
                return value
        raise ValueError("expected exactly one variant")

    def variant(self) -> tuple[str, object]:
        """Return the name and the payload of the variant that is set."""
        for place, value in enumerate(msgspec.structs.astuple(self)):
            if value is not UNSET:
                return self.__struct_fields__[place], value
        raise ValueError("expected exactly one variant")


class Empty(WireTuple, frozen=True, gc=False):
    """The payload of a variant with empty parentheses: an empty array (wire.md 2.6)."""


class Meta(Wire, frozen=True, gc=False):
    """Free-form, unordered metadata (wire.md 4.2); written with its members sorted."""

    metadata: dict[str, str | None]


# A field named like its type would resolve its own annotation to UNSET.
_Scalar: TypeAlias = Scalar
_U64: TypeAlias = U64
_U32: TypeAlias = U32

# --- chain state (wire.md 4.7) ----------------------------------------------------------------------


class ScalarWitness(Tagged, frozen=True, gc=False):
    """A committed number: a signed 128-bit integer, or a scalar of the group."""

    Integer: I128 | UnsetType = UNSET
    Scalar: _Scalar | UnsetType = UNSET


class OpenCommitment(Wire, frozen=True, gc=False):
    """A commitment with its opening in clear text."""

    value: ScalarWitness
    blinding: Scalar


class Commitment(Tagged, frozen=True, gc=False):
    """A Pedersen commitment: a bare point, or its opening."""

    Closed: Point | UnsetType = UNSET
    Open: OpenCommitment | UnsetType = UNSET


_Commitment: TypeAlias = Commitment


class StateValue(Tagged, frozen=True, gc=False):
    """One value among a memo's data or a state's variables; two more kinds do not occur."""

    POSITIONS: ClassVar = {"Opaque": 0, "Commitment": 2, "Scalar": 3, "U64": 5, "U32": 6}

    Opaque: tuple[U8, ...] | UnsetType = UNSET
    Commitment: _Commitment | UnsetType = UNSET
    Scalar: ScalarWitness | UnsetType = UNSET
    U64: _U64 | UnsetType = UNSET
    U32: _U32 | UnsetType = UNSET


class Encryption(Wire, frozen=True, gc=False):
    """The two points of a coin's encrypted amount."""

    c: Point
    d: Point


class CoinBody(Wire, frozen=True, gc=False):
    """A coin: its encrypted amount and its owner's address."""

    encrypt: Encryption
    owner: str


class MemoBody(Wire, frozen=True, gc=False):
    """A memo: what a trader has put into a position, or a lender into the pool."""

    script_address: str
    owner: str
    commitment: _Commitment
    data: tuple[StateValue, ...] | None
    timebounds: U32


class StateBody(Wire, frozen=True, gc=False):
    """The pool's state: locked value as ``commitment``, pool share as its one variable."""

    nonce: U32
    script_address: str
    owner: str
    commitment: _Commitment
    state_variables: tuple[StateValue, ...] | None
    timebounds: U32


class OutputData(Tagged, frozen=True, gc=False):
    """The body of an output."""

    Coin: CoinBody | UnsetType = UNSET
    Memo: MemoBody | UnsetType = UNSET
    State: StateBody | UnsetType = UNSET


class Output(Wire, frozen=True, gc=False):
    """An output of a chain transaction; ``out_type`` repeats the variant of ``output``."""

    out_type: IOType
    output: OutputData


# --- what clients ask for (wire.md 4.3) -------------------------------------------------------------


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


# --- the books (wire.md 4.4 to 4.6) -----------------------------------------------------------------


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
