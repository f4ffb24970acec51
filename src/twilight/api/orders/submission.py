"""What a client sent, read strictly and checked in the order of API specification 5.5: no I/O."""

from collections.abc import Callable
from typing import Literal, cast

from twilight.api.errors import CallFailed
from twilight.wire import bincode, errors, identity
from twilight.wire.client_messages import (
    CancelTraderOrderMessage,
    CancelTraderOrderSlTpMessage,
    ClientMessage,
    CreateLendOrderMessage,
    CreateTraderOrderMessage,
    CreateTraderOrderSlTpMessage,
    ExecuteLendOrderMessage,
    ExecuteTraderOrderMessage,
    ExecuteTraderOrderSlTpMessage,
    decode_form,
    decode_message,
    memo_of,
    script_of,
)
from twilight.wire.encodings import check_encodings
from twilight.wire.errors import Quarantine
from twilight.wire.identity import Account, BadSignature, IdentityError
from twilight.wire.numbers import display_f64
from twilight.wire.transactions import CoinInput, Input, SignatureAndProof
from twilight.wire.types import Bytes64, CreateLendOrder, CreateTraderOrder, Output, Wire

Verify = Literal["signature", "none"]

LEVERAGE_MAX = 50.0

# The methods that take one form only; the others are those of `client_messages.FORMS`.
TRIGGER_FORMS: dict[str, type[ClientMessage]] = {
    "CreateTraderOrderSlTp": CreateTraderOrderSlTpMessage,
    "ExecuteTraderOrderSlTp": ExecuteTraderOrderSlTpMessage,
    "CancelTraderOrderSlTp": CancelTraderOrderSlTpMessage,
}


class Undecodable(CallFailed):
    """The parameter is not a message at all; no record is made of it."""


class RefusedMessage(CallFailed):
    """A message that was read and refused; it is recorded on ``CLIENT-FAILED-REQUEST``."""


def read(method: str, data: str) -> ClientMessage:
    """Return the client message that the hex spells.

    Raises:
        Undecodable: ``Invalid hex data`` (also when it is too large, decisions E4) or ``Invalid bincode``.
    """
    try:
        if method in TRIGGER_FORMS:
            return decode_message(TRIGGER_FORMS[method], data)
        return decode_form(method, data)
    except Quarantine as unreadable:
        raise undecodable(unreadable) from None


def undecodable(unreadable: Quarantine) -> Undecodable:
    """Return the refusal of a hex parameter that does not spell what it should."""
    if unreadable.reason == errors.BAD_BINARY:
        return Undecodable("Invalid bincode", reason="INVALID_BINCODE", detail=unreadable.detail)
    return Undecodable("Invalid hex data", reason=f"INVALID_HEX:{unreadable.reason}", detail=unreadable.detail)


def check(message: ClientMessage, verify: Verify) -> None:
    """Return if the message may be queued: proven to be its account's, and within the bounds of the queue.

    Raises:
        RefusedMessage: ``Invalid order params``, or the text of the broken rule.
    """
    try:
        check_encodings(message)
        _check_numbers(message.order)
        _check_numbers(getattr(message, "sltp", None))
        if verify == "signature":
            PROOFS[type(message)](message)
    except (IdentityError, Quarantine) as refused:
        raise invalid(str(refused)) from None
    if isinstance(message.order, CreateTraderOrder):
        _check_margin(message.order)
    elif isinstance(message.order, CreateLendOrder):
        _check_deposit(message.order)


def invalid(detail: str) -> RefusedMessage:
    """Return the refusal of a proof, a key or a number."""
    return RefusedMessage("Invalid order params", reason="INVALID_ORDER_PARAMS", detail=detail)


def _check_numbers(order: Wire | None) -> None:
    """Refuse negative numbers, but for those that have a text of their own; the codec refuses all that are none."""
    for name in () if order is None else order.__struct_fields__:
        value = getattr(order, name)
        if isinstance(value, float) and value < 0 and name not in ("initial_margin", "deposit"):
            raise invalid(f"{name} must not be negative, was {display_f64(value)}")


def _check_margin(order: CreateTraderOrder) -> None:
    if order.initial_margin <= 0:
        raise RefusedMessage(
            f"Invalid initial margin:{display_f64(order.initial_margin)}, should be greater than 0",
            reason="INVALID_INITIAL_MARGIN",
        )
    if order.leverage > LEVERAGE_MAX:
        raise RefusedMessage(
            f"Invalid leverage:{display_f64(order.leverage)}, should be less than or equal to 50",
            reason="INVALID_LEVERAGE",
        )


def _check_deposit(order: CreateLendOrder) -> None:
    if order.deposit <= 0:
        raise RefusedMessage("Invalid deposit amount", reason="INVALID_DEPOSIT")


# --- proofs -----------------------------------------------------------------------------------------


def _prove_open(message: CreateTraderOrderMessage | CreateTraderOrderSlTpMessage) -> None:
    """The one coin of the transaction is the account's, who signs it and owns the memo it becomes."""
    body = script_of(message.transaction)
    kind, witness = body.witnesses[0].variant()
    if kind != "ValueWitness":
        raise BadSignature(f"expected a signature with the proof of same value, found {kind}")
    signature = cast("SignatureAndProof", witness).signature
    _prove_coin(message.order.account_id, body.inputs[0], body.outputs[0], signature)


def _prove_deposit(message: CreateLendOrderMessage) -> None:
    create = message.create
    _prove_coin(message.order.account_id, create.input, create.output, create.signature)


def _prove_coin(account_id: str, spent: Input, made: Output, signature: Bytes64) -> None:
    coin = cast("CoinInput", spent.input.variant()[1]).coin
    account = Account.parse(account_id)
    if not account_id == coin.owner == memo_of(made).owner:
        raise BadSignature("the account does not own both the coin and the memo")
    identity.verify(account, bincode.encode(spent), bytes(signature))


def _prove_settle(
    message: ExecuteTraderOrderMessage | ExecuteTraderOrderSlTpMessage | ExecuteLendOrderMessage,
) -> None:
    identity.verify_settle(message.order.account_id, message.settle)


def _prove_cancel(message: CancelTraderOrderMessage | CancelTraderOrderSlTpMessage) -> None:
    identity.verify_cancel(message.order, message.cancel)


PROOFS: dict[type[ClientMessage], Callable[..., None]] = {
    CreateTraderOrderMessage: _prove_open,
    CreateTraderOrderSlTpMessage: _prove_open,
    CreateLendOrderMessage: _prove_deposit,
    ExecuteTraderOrderMessage: _prove_settle,
    ExecuteTraderOrderSlTpMessage: _prove_settle,
    ExecuteLendOrderMessage: _prove_settle,
    CancelTraderOrderMessage: _prove_cancel,
    CancelTraderOrderSlTpMessage: _prove_cancel,
}
