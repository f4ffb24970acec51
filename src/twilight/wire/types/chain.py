"""What the chain knows: coins, memos and states, their commitments and openings (wire.md 4.7)."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from msgspec import UNSET, UnsetType

from twilight.wire.types.base import I128, U8, U32, U64, IOType, Point, Scalar, Tagged, Wire

# A field named like its type would resolve its own annotation to UNSET.
_Scalar: TypeAlias = Scalar
_U64: TypeAlias = U64
_U32: TypeAlias = U32


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
