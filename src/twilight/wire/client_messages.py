"""What clients send as the hex parameter ``data`` (wire.md 8.3; api.md 4.1, 5.5), and what becomes of it.

Each message starts with the command's payload and ends with its proof. ``to_command`` makes the record
for ``CLIENT-REQUEST`` of it; the functions on memos do what the chain port asks for (engine.md 10).
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import Final, TypeVar, cast
from uuid import UUID

import msgspec

from twilight.wire import bincode, errors
from twilight.wire.commands import (
    CancelTraderOrderCommand,
    CancelTraderOrderSlTpCommand,
    CreateLendOrderCommand,
    CreateTraderOrderCommand,
    CreateTraderOrderSlTpCommand,
    ExecuteLendOrderCommand,
    ExecuteTraderOrderCommand,
    ExecuteTraderOrderSlTpCommand,
    RpcCommand,
)
from twilight.wire.errors import Quarantine, Unencodable
from twilight.wire.transactions import ScriptBody, Transaction, TransactionData, ZkosCancelMsg, ZkosCreateOrder
from twilight.wire.types import (
    Bytes64,
    CancelTraderOrder,
    CreateLendOrder,
    CreateTraderOrder,
    ExecuteLendOrder,
    ExecuteTraderOrder,
    MemoBody,
    Meta,
    OrderStatus,
    Output,
    OutputData,
    ScalarWitness,
    SlTpOrder,
    SlTpOrderCancel,
    StateValue,
    UuidText,
    Wire,
    WireTuple,
    ZkosSettleMsg,
)

U64_MAX: Final = 2**64 - 1


class CreateTraderOrderMessage(Wire, frozen=True, gc=False):
    """Open a position: ``submit_trade_order``."""

    order: CreateTraderOrder
    transaction: Transaction


class CreateTraderOrderSlTpMessage(Wire, frozen=True, gc=False):
    """Open a position with triggers."""

    order: CreateTraderOrder
    transaction: Transaction
    sltp: SlTpOrder | None
    settle: ZkosSettleMsg | None


class ExecuteTraderOrderMessage(Wire, frozen=True, gc=False):
    """Close a position: ``settle_trade_order``."""

    order: ExecuteTraderOrder
    settle: ZkosSettleMsg


class ExecuteTraderOrderSlTpMessage(Wire, frozen=True, gc=False):
    """Close a position, or set its triggers."""

    order: ExecuteTraderOrder
    settle: ZkosSettleMsg
    sltp: SlTpOrder | None


class CancelTraderOrderMessage(Wire, frozen=True, gc=False):
    """Cancel a resting order: ``cancel_trader_order``."""

    order: CancelTraderOrder
    cancel: ZkosCancelMsg


class CancelTraderOrderSlTpMessage(Wire, frozen=True, gc=False):
    """Drop triggers."""

    order: CancelTraderOrder
    cancel: ZkosCancelMsg
    sltp: SlTpOrderCancel


class CreateLendOrderMessage(Wire, frozen=True, gc=False):
    """Deposit: ``submit_lend_order``."""

    order: CreateLendOrder
    create: ZkosCreateOrder


class ExecuteLendOrderMessage(Wire, frozen=True, gc=False):
    """Withdraw: ``settle_lend_order``."""

    order: ExecuteLendOrder
    settle: ZkosSettleMsg


class QueryMessage(Wire, frozen=True, gc=False):
    """Proof that the caller owns the account that it asks about (api.md 4.1)."""

    account_id: str
    order_status: OrderStatus
    public_key: str
    signature: Bytes64


ClientMessage = (
    CreateTraderOrderMessage
    | CreateTraderOrderSlTpMessage
    | ExecuteTraderOrderMessage
    | ExecuteTraderOrderSlTpMessage
    | CancelTraderOrderMessage
    | CancelTraderOrderSlTpMessage
    | CreateLendOrderMessage
    | ExecuteLendOrderMessage
)

# The forms of each method's message in the order in which they are tried. Every form is read to its last
# byte, so at most one fits.
FORMS: Final[dict[str, tuple[type[ClientMessage], ...]]] = {
    "CreateTraderOrder": (CreateTraderOrderSlTpMessage, CreateTraderOrderMessage),
    "ExecuteTraderOrder": (ExecuteTraderOrderSlTpMessage, ExecuteTraderOrderMessage),
    "CancelTraderOrder": (CancelTraderOrderSlTpMessage, CancelTraderOrderMessage),
    "CreateLendOrder": (CreateLendOrderMessage,),
    "ExecuteLendOrder": (ExecuteLendOrderMessage,),
}

M = TypeVar("M", bound=Wire)


def decode_message(kind: type[M], text: str) -> M:
    """Return the message that the hex spells.

    Raises:
        Quarantine: ``TOO_LARGE``, ``BAD_HEX`` or ``BAD_BINARY``.
    """
    return bincode.decode_hex(kind, text)


def decode_form(method: str, text: str) -> ClientMessage:
    """Return the message of a method of ``FORMS``, with triggers if it has them.

    Raises:
        Quarantine: ``TOO_LARGE``, ``BAD_HEX``, or ``BAD_BINARY`` as the plain form says it.
    """
    data = bincode.from_hex(text)
    *others, plain = FORMS[method]
    try:  # each form is read to its last byte, so only one can fit: the common one is tried first
        return bincode.decode(plain, data)
    except Quarantine as unreadable:
        for form in others:
            with contextlib.suppress(Quarantine):
                message = bincode.decode(form, data)
                if _names_triggers(message):
                    return message
        raise unreadable from None


def _names_triggers(message: ClientMessage) -> bool:
    """Return whether a message has what its form is for; else it is the plain one with bytes too many (F7)."""
    if isinstance(message, CreateTraderOrderSlTpMessage):
        return message.sltp is not None or message.settle is not None
    return getattr(message, "sltp", None) is not None


def encode_message(message: ClientMessage | QueryMessage) -> str:
    """Return the lower-case hex of a message."""
    return bincode.encode_hex(message)


# --- from message to command ------------------------------------------------------------------------

_COMMANDS: Final[dict[type[ClientMessage], tuple[str, type[WireTuple]]]] = {
    CreateTraderOrderMessage: ("CreateTraderOrder", CreateTraderOrderCommand),
    CreateTraderOrderSlTpMessage: ("CreateTraderOrderSlTp", CreateTraderOrderSlTpCommand),
    ExecuteTraderOrderMessage: ("ExecuteTraderOrder", ExecuteTraderOrderCommand),
    ExecuteTraderOrderSlTpMessage: ("ExecuteTraderOrderSlTp", ExecuteTraderOrderSlTpCommand),
    CancelTraderOrderMessage: ("CancelTraderOrder", CancelTraderOrderCommand),
    CancelTraderOrderSlTpMessage: ("CancelTraderOrderSlTp", CancelTraderOrderSlTpCommand),
    CreateLendOrderMessage: ("CreateLendOrder", CreateLendOrderCommand),
    ExecuteLendOrderMessage: ("ExecuteLendOrder", ExecuteLendOrderCommand),
}


def to_command(message: ClientMessage, meta: Meta, request_id: str) -> RpcCommand:
    """Return the command of a message: its payload, and the hex of its proof (wire.md 8.2).

    A new order's available margin is its margin and a deposit's balance the deposit, whatever the client
    wrote (4.3).
    """
    kind, body = _COMMANDS[type(message)]
    order, proof, *triggers = msgspec.structs.astuple(message)
    values = (_as_taken(order), *triggers, meta, bincode.encode_hex(proof), request_id)
    return RpcCommand.of(kind, body(*values))


def _as_taken(order: Wire) -> Wire:
    match order:
        case CreateTraderOrder():
            return msgspec.structs.replace(order, available_margin=order.initial_margin)
        case CreateLendOrder():
            return msgspec.structs.replace(order, balance=order.deposit)
        case _:
            return order


def request_id(order_uuid: UuidText, account_id: str, time_us: int) -> str:
    """Return the request id that the caller gets as ``id_key`` (wire.md 5.1): ``REQID`` and 64 digits."""
    account, digits = account_id.encode(), str(time_us).encode()
    parts = (UUID(order_uuid).bytes, account, digits)
    framed = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return "REQID" + hashlib.sha256(framed.hex().encode()).hexdigest().upper()


# --- memos ------------------------------------------------------------------------------------------

POSITION_SIZE: Final = 0  # places of a memo's data; the one between holds the committed leverage
ENTRY_PRICE: Final = 2
MEMO_VALUES: Final = 3


def memo_of(output: Output) -> MemoBody:
    """Return the memo of an output.

    Raises:
        Quarantine: ``BAD_BINARY``: it is another output, has not three values, or a number in it is
            beyond 64 bits, where the chain and the reference would read only a part of it (decisions F7).
    """
    kind, memo = output.output.variant()
    if kind != "Memo" or output.out_type != kind:
        raise Quarantine(errors.BAD_BINARY, f"expected a memo, found {output.out_type} around {kind}")
    memo = cast("MemoBody", memo)
    if memo.data is None or len(memo.data) != MEMO_VALUES:
        raise Quarantine(errors.BAD_BINARY, "expected a memo of position size, leverage and entry price")
    for place in (POSITION_SIZE, ENTRY_PRICE):
        memo_number(memo.data[place])
    return memo


def memo_number(value: StateValue) -> int:
    """Return a plain number among a memo's values.

    Raises:
        Quarantine: ``BAD_BINARY``: it is a commitment, negative, or beyond 64 bits.
    """
    kind, scalar = value.variant()
    if kind != "Scalar":
        raise Quarantine(errors.BAD_BINARY, f"expected a number in the memo, found {kind}")
    form, found = cast("ScalarWitness", scalar).variant()
    number = cast("int", found) if form == "Integer" else int.from_bytes(bytes(cast("Bytes64", found)), "little")
    if not 0 <= number <= U64_MAX:
        raise Quarantine(errors.BAD_BINARY, "expected a number of 64 bits in the memo")
    return number


def script_of(transaction: Transaction) -> ScriptBody:
    """Return the body of a client's open: one coin spent into one memo.

    Raises:
        Quarantine: ``BAD_BINARY``: it is anything else.
    """
    _, body = transaction.data.variant()
    body = cast("ScriptBody", body)
    found = (transaction.tx_type, len(body.inputs), len(body.outputs), len(body.witnesses))
    stated = (1, body.input_count, body.output_count, body.witness_count)
    if found != (1, 1, 1, 1) or stated != found:
        raise Quarantine(errors.BAD_BINARY, "expected a script of one input, one output and one witness")
    memo_of(body.outputs[0])
    return body


def rewrite_open(transaction: Transaction, entry_price: int, position_size: int, fee: int) -> Transaction:
    """Return a client's open as it was executed (engine.md 10.2): the memo's price and size, and the fee.

    Raises:
        Quarantine: the transaction is no open of a position.
        Unencodable: a number is not one of 64 bits.
    """
    body = script_of(transaction)
    output = _executed_memo(body, entry_price, position_size)
    executed = msgspec.structs.replace(body, outputs=(output,), fee=_u64(fee))
    return msgspec.structs.replace(transaction, data=TransactionData(Script=executed))


def executed_output_hex(transaction: Transaction, entry_price: int, position_size: int, fee: int) -> str:
    """Return the memo of an executed open as ``TxHash.output`` carries it; raises what `rewrite_open` raises."""
    _u64(fee)
    return bincode.encode_hex(_executed_memo(script_of(transaction), entry_price, position_size))


def deposit_output_hex(create: ZkosCreateOrder, pool_share: int) -> str:
    """Return the memo of an executed deposit (engine.md 10.6) as ``TxHash.output`` carries it."""
    memo_of(create.output)
    return bincode.encode_hex(_rewritten(create.output, {POSITION_SIZE: pool_share}))


def _executed_memo(body: ScriptBody, entry_price: int, position_size: int) -> Output:
    return _rewritten(body.outputs[0], {POSITION_SIZE: position_size, ENTRY_PRICE: entry_price})


def _rewritten(output: Output, numbers: dict[int, int]) -> Output:
    memo = memo_of(output)
    data = [_plain(numbers[place]) if place in numbers else value for place, value in enumerate(memo.data or ())]
    body = OutputData(Memo=msgspec.structs.replace(memo, data=tuple(data)))
    return msgspec.structs.replace(output, output=body)


def _plain(number: int) -> StateValue:
    scalar = tuple(_u64(number).to_bytes(32, "little"))
    return StateValue(Scalar=ScalarWitness(Scalar=scalar))


def _u64(number: int) -> int:
    if not 0 <= number <= U64_MAX:
        raise Unencodable(f"expected a number of 64 bits, was {number}")
    return number
