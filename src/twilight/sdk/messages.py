"""Signed order messages: what an account must say to trade. No I/O.

What is real: every key, address and signature, each over the bytes that the
verifier checks (API specification 4.3 and 5.5), and every layout (wire.md 8).

What is not proven: the coin that an open or a deposit spends, the proof that
coin and memo hold the same value, and the run of the contract's program. Their
points are random points of the group whose openings nobody knows, their proofs
are empty. So these messages are for an exchange without a chain (engine.md 10,
``disabled``): a chain would refuse them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from twilight.wire import ristretto
from twilight.wire.client_messages import (
    CancelTraderOrderMessage,
    CancelTraderOrderSlTpMessage,
    CreateLendOrderMessage,
    CreateTraderOrderMessage,
    ExecuteLendOrderMessage,
    ExecuteTraderOrderMessage,
    ExecuteTraderOrderSlTpMessage,
    QueryMessage,
)
from twilight.wire.identity import MAIN_NETWORK, Identity
from twilight.wire.transactions import (
    CoinInput,
    DleqProof,
    Input,
    InputData,
    ScriptBody,
    SigmaProof,
    SignatureAndProof,
    Transaction,
    TransactionData,
    Utxo,
    Witness,
    ZkosCreateOrder,
)
from twilight.wire.types import (
    Bytes32,
    CancelTraderOrder,
    CoinBody,
    Commitment,
    CreateLendOrder,
    CreateTraderOrder,
    Encryption,
    ExecuteLendOrder,
    ExecuteTraderOrder,
    MemoBody,
    Output,
    OutputData,
    ScalarWitness,
    SlTpOrder,
    SlTpOrderCancel,
    StateValue,
)

SCRIPT_ADDRESS: Final = "18616ea672b51afcaa5a7d4af70a25dcbe018cf618"
"""The address of the exchange's contract, which every memo names."""

NO_SCALAR: Final[Bytes32] = (0,) * 32
UNPROVEN: Final = SigmaProof(Dleq=DleqProof((), (), (), NO_SCALAR))
SCRIPT: Final = 1
NETWORK_MAIN: Final = 0
NETWORK_TEST: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A position that is wanted.

    ``price`` (USD) is the limit of a ``LIMIT`` order; for a ``MARKET`` order it is
    the price that the trader saw, which only goes into the memo: the exchange
    writes the price it executes at over it.
    """

    side: str
    margin_sats: int
    leverage: int
    price: float
    order_type: str = "MARKET"


def create_trader_order(identity: Identity, wanted: Open) -> CreateTraderOrderMessage:
    """Return the message that opens a position, at the market or at a limit."""
    limit = wanted.price if wanted.order_type == "LIMIT" else 0.0
    margin = float(wanted.margin_sats)
    order = CreateTraderOrder(
        identity.address,
        wanted.side,
        wanted.order_type,
        float(wanted.leverage),
        margin,
        margin,
        "PENDING",
        limit,
        limit,
    )
    price = round(wanted.price)
    memo = _memo(identity, (wanted.margin_sats * wanted.leverage * price, price))
    return CreateTraderOrderMessage(order, _transaction(identity, memo))


def execute_trader_order(
    identity: Identity, order_id: str, memo: Output, *, limit_price: float | None = None
) -> ExecuteTraderOrderMessage:
    """Return the message that closes a position now, or at ``limit_price``.

    ``memo`` is the output of the fill, as its ``TxHash`` record tells it (`memo_from`).
    """
    order_type = "MARKET" if limit_price is None else "LIMIT"
    order = ExecuteTraderOrder(identity.address, order_id, order_type, 0.0, "FILLED", limit_price or 0.0)
    return ExecuteTraderOrderMessage(order, identity.sign_settle(memo))


def set_triggers(
    identity: Identity, order_id: str, memo: Output, *, stop_loss: float | None, take_profit: float | None
) -> ExecuteTraderOrderSlTpMessage:
    """Return the message that sets or replaces the stop loss and the take profit of a position."""
    order = ExecuteTraderOrder(identity.address, order_id, "SLTP", 0.0, "FILLED", 0.0)
    triggers = SlTpOrder(stop_loss, take_profit)
    return ExecuteTraderOrderSlTpMessage(order, identity.sign_settle(memo), triggers)


def cancel_trader_order(identity: Identity, order_id: str) -> CancelTraderOrderMessage:
    """Return the message that cancels a resting order, or the close limit of a position."""
    order = CancelTraderOrder(identity.address, order_id, "LIMIT", "PENDING")
    return CancelTraderOrderMessage(order, identity.sign_cancel(order))


def cancel_triggers(
    identity: Identity, order_id: str, *, stop_loss: bool, take_profit: bool
) -> CancelTraderOrderSlTpMessage:
    """Return the message that drops the named triggers of a position."""
    order = CancelTraderOrder(identity.address, order_id, "SLTP", "FILLED")
    return CancelTraderOrderSlTpMessage(order, identity.sign_cancel(order), SlTpOrderCancel(stop_loss, take_profit))


def create_lend_order(identity: Identity, deposit_sats: int) -> CreateLendOrderMessage:
    """Return the message that deposits into the pool."""
    amount = float(deposit_sats)
    order = CreateLendOrder(identity.address, amount, "LEND", "PENDING", amount)
    coin = _coin(identity)
    bundle = ZkosCreateOrder(coin, _memo(identity, (0, 0)), identity.sign_input(coin), UNPROVEN)
    return CreateLendOrderMessage(order, bundle)


def execute_lend_order(identity: Identity, order_id: str, memo: Output) -> ExecuteLendOrderMessage:
    """Return the message that withdraws a deposit, which is always the whole of it."""
    order = ExecuteLendOrder(identity.address, order_id, "LEND", 0.0, "FILLED", 0.0)
    return ExecuteLendOrderMessage(order, identity.sign_settle(memo))


def query(identity: Identity, order_status: str = "PENDING") -> QueryMessage:
    """Return the envelope that lets the account's owner read its orders; keep it secret."""
    return identity.sign_query(order_status)


def _transaction(identity: Identity, memo: Output) -> Transaction:
    coin = _coin(identity)
    witness = Witness(ValueWitness=SignatureAndProof(identity.sign_input(coin), UNPROVEN))
    script = ScriptBody(
        version=0,
        fee=1,
        maturity=0,
        input_count=1,
        output_count=1,
        witness_count=1,
        inputs=(coin,),
        outputs=(memo,),
        program=b"",
        network=NETWORK_MAIN if identity.account.network == MAIN_NETWORK else NETWORK_TEST,
        path_position=0,
        neighbours=(),
        proof=b"",
        witnesses=(witness,),
        value=None,
    )
    return Transaction(SCRIPT, TransactionData(Script=script))


def _coin(identity: Identity) -> Input:
    utxo = Utxo(tuple(secrets.token_bytes(32)), 0)
    body = CoinBody(Encryption(_point(), _point()), identity.address)
    return Input("Coin", InputData(Coin=CoinInput(utxo, body, 0)))


def _memo(identity: Identity, numbers: tuple[int, int]) -> Output:
    """Return a memo of position size (or pool share), a committed leverage, and entry price."""
    size, price = (StateValue(Scalar=ScalarWitness(Scalar=_scalar(number))) for number in numbers)
    leverage = StateValue(Commitment=Commitment(Closed=_point()))
    commitment = Commitment(Closed=_point())
    body = MemoBody(SCRIPT_ADDRESS, identity.address, commitment, (size, leverage, price), 0)
    return Output("Memo", OutputData(Memo=body))


def _scalar(number: int) -> Bytes32:
    return tuple(number.to_bytes(32, "little"))


def _point() -> Bytes32:
    return tuple(ristretto.multiply_base(ristretto.random_scalar()))
