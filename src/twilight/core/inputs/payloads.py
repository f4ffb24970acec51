"""What the engine may know of a command's payload hex (decisions C13), read by the wire's codec."""

from collections.abc import Callable

from twilight.domain.model.chain import LenientPayloads, PayloadCodec, PayloadError
from twilight.wire.bincode import decode_hex
from twilight.wire.client_messages import deposit_output_hex, executed_output_hex, memo_of
from twilight.wire.errors import WireError
from twilight.wire.transactions import Transaction, ZkosCreateOrder
from twilight.wire.types import ZkosSettleMsg


class ReadPayloads:
    """Payloads are read as what their command carries; one that is nothing of the kind is refused, or gives nothing."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict

    def open_memo(self, payload: str, entry_price: int, position_size: int, fee_sats: int) -> str | None:
        """Return the hex of the memo that the order owns from now on, with the figures of the fill."""
        return self._read(
            lambda: executed_output_hex(decode_hex(Transaction, payload), entry_price, position_size, fee_sats)
        )

    def deposit_memo(self, payload: str, pool_share: int) -> str | None:
        """Return the hex of the memo that the lender owns from now on, with the shares that were minted."""
        return self._read(lambda: deposit_output_hex(decode_hex(ZkosCreateOrder, payload), pool_share))

    def settle_owner(self, payload: str) -> str | None:
        """Return the account that owns the memo of a settle message."""
        return self._read(lambda: memo_of(decode_hex(ZkosSettleMsg, payload).output).owner)

    def _read(self, read: Callable[[], str]) -> str | None:
        try:
            return read()
        except WireError as error:
            if self._strict:
                raise PayloadError(str(error)) from error
            return None


def payloads(mode: str) -> PayloadCodec:
    """Return the codec of ``PAYLOAD``: ``strict``, ``lenient``, or ``none``, which reads nothing at all."""
    return LenientPayloads() if mode == "none" else ReadPayloads(strict=mode == "strict")
