"""The chain's binary structures inside client messages (wire.md 8.4).

They have no JSON on Kafka. Only what clients send is known: a script transaction with one coin spent
into one memo, and the bundle that creates a lend order.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, UnsetType

from twilight.wire.types import (
    U8,
    U32,
    U64,
    Bytes32,
    Bytes64,
    CoinBody,
    IOType,
    Output,
    Scalar,
    StateValue,
    Tagged,
    Wire,
)


class Utxo(Wire, frozen=True, gc=False):
    """Which output of which transaction is spent."""

    transaction_id: Bytes32
    index: U8


class CoinInput(Wire, frozen=True, gc=False):
    """A coin that is spent, and which witness speaks for it."""

    utxo: Utxo
    coin: CoinBody
    witness: U8


class InputData(Tagged, frozen=True, gc=False):
    """The body of an input; clients spend coins only."""

    Coin: CoinInput | UnsetType = UNSET


class Input(Wire, frozen=True, gc=False):
    """An input of a transaction; ``in_type`` repeats the variant."""

    in_type: IOType
    input: InputData


class ScalarsProof(Wire, frozen=True, gc=False):
    """A sigma proof with one vector of scalars."""

    responses: tuple[Scalar, ...]
    challenge: Scalar


class DleqProof(Wire, frozen=True, gc=False):
    """A sigma proof with three vectors of scalars."""

    first: tuple[Scalar, ...]
    second: tuple[Scalar, ...]
    third: tuple[Scalar, ...]
    challenge: Scalar


class SigmaProof(Tagged, frozen=True, gc=False):
    """A proof that values of coin and memo are the same."""

    Scalars: ScalarsProof | UnsetType = UNSET
    Dleq: DleqProof | UnsetType = UNSET


class SignatureAndProof(Wire, frozen=True, gc=False):
    """A spender's signature and the proof of same value."""

    signature: Bytes64
    proof: SigmaProof


class SignatureAndValues(Wire, frozen=True, gc=False):
    """A state witness: a signature and possibly the scalars that it opens."""

    signature: Bytes64
    values: tuple[Scalar, ...] | None


class Witness(Tagged, frozen=True, gc=False):
    """What lets an input be spent."""

    Signature: Bytes64 | UnsetType = UNSET
    Proof: SigmaProof | UnsetType = UNSET
    ValueWitness: SignatureAndProof | UnsetType = UNSET
    State: SignatureAndValues | UnsetType = UNSET


class ScriptBody(Wire, frozen=True, gc=False):
    """A transaction that runs a program over its inputs and outputs."""

    version: U64
    fee: U64
    maturity: U64
    input_count: U8
    output_count: U8
    witness_count: U8
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    program: bytes
    network: U32
    path_position: U64
    neighbours: tuple[Bytes32, ...]
    proof: bytes
    witnesses: tuple[Witness, ...]
    value: StateValue | None


class TransactionData(Tagged, frozen=True, gc=False):
    """The body of a transaction; transfers and messages are no order messages."""

    POSITIONS: ClassVar = {"Script": 1}

    Script: ScriptBody | UnsetType = UNSET


class Transaction(Wire, frozen=True, gc=False):
    """A chain transaction: type (1 is a script) and body."""

    tx_type: U32
    data: TransactionData


class ZkosCancelMsg(Wire, frozen=True, gc=False):
    """A cancellation signed by the account that it names."""

    public_key: str
    signature: Bytes64


class ZkosCreateOrder(Wire, frozen=True, gc=False):
    """A lender's bundle: the coin, the memo, a signature, and the proof of same value."""

    input: Input
    output: Output
    signature: Bytes64
    proof: SigmaProof
