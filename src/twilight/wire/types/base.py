"""The structures that messages share, in the wire's names and order (wire.md 4).

A ``Wire`` is written as an object, a ``WireTuple`` as an array, a ``Tagged`` as an object with the one
member that names the variant. Amounts are satoshi as f64 unless a name says otherwise, prices are USD
per bitcoin, rates percent. Enumerations are plain text, because an unknown text must be kept (3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
from msgspec import UNSET, Struct
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
