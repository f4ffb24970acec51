"""What the engine may know of a command's payload hex (decisions C13), read by the wire's codec."""

from collections.abc import Callable
from typing import TypeVar

from twilight.domain.chain import LenientPayloads, PayloadCodec, PayloadError
from twilight.wire.bincode import decode_hex
from twilight.wire.client_messages import deposit_output_hex, executed_output_hex, memo_of
from twilight.wire.errors import WireError
from twilight.wire.transactions import Transaction, ZkosCreateOrder
from twilight.wire.types import Wire, ZkosSettleMsg

M = TypeVar("M", bound=Wire)


class StrictPayloads:
    """Every payload must be what its command carries, or the request is refused."""

    def open_memo(self, payload: str, entry_price: int, position_size: int, fee_sats: int) -> str:
        """Return the hex of the memo that the order owns from now on, with the figures of the fill."""
        transaction = _decoded(Transaction, payload)
        try:
            return executed_output_hex(transaction, entry_price, position_size, fee_sats)
        except WireError as error:
            raise PayloadError(str(error)) from error

    def deposit_memo(self, payload: str, pool_share: int) -> str:
        """Return the hex of the memo that the lender owns from now on, with the shares that were minted."""
        message = _decoded(ZkosCreateOrder, payload)
        try:
            return deposit_output_hex(message, pool_share)
        except WireError as error:
            raise PayloadError(str(error)) from error

    def settle_owner(self, payload: str) -> str:
        """Return the account that owns the memo of a settle message."""
        message = _decoded(ZkosSettleMsg, payload)
        try:
            return memo_of(message.output).owner
        except WireError as error:
            raise PayloadError(str(error)) from error


class ForgivingPayloads:
    """Payloads that can be read are read as strictly as ever; those that cannot give no memo and no owner."""

    def __init__(self) -> None:
        self._strict = StrictPayloads()

    def open_memo(self, payload: str, entry_price: int, position_size: int, fee_sats: int) -> str | None:
        """Return the memo's hex, None if the payload cannot be read."""
        try:
            return self._strict.open_memo(payload, entry_price, position_size, fee_sats)
        except PayloadError:
            return None

    def deposit_memo(self, payload: str, pool_share: int) -> str | None:
        """Return the memo's hex, None if the payload cannot be read."""
        try:
            return self._strict.deposit_memo(payload, pool_share)
        except PayloadError:
            return None

    def settle_owner(self, payload: str) -> str | None:
        """Return the memo's owner, None if the payload cannot be read."""
        try:
            return self._strict.settle_owner(payload)
        except PayloadError:
            return None


def payloads(mode: str) -> PayloadCodec:
    """Return the codec of ``PAYLOAD``: ``strict``, ``lenient``, or ``none``, which reads nothing at all."""
    codecs: dict[str, Callable[[], PayloadCodec]] = {
        "strict": StrictPayloads,
        "lenient": ForgivingPayloads,
        "none": LenientPayloads,
    }
    return codecs[mode]()


def _decoded(kind: type[M], payload: str) -> M:
    try:
        return decode_hex(kind, payload)
    except WireError as error:
        raise PayloadError(str(error)) from error
