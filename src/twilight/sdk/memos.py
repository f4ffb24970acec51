"""Memos: what an account holds while a position or a deposit is open."""

from twilight.sdk.errors import UnreadableAnswer
from twilight.sdk.results import TxHash
from twilight.wire import bincode
from twilight.wire.errors import Quarantine
from twilight.wire.types import Output


def memo_from(answer: TxHash) -> Output | None:
    """Return the memo of a fill or a deposit, or ``None`` when the answer has none.

    Raises:
        UnreadableAnswer: the answer's output is no memo in binary form.
    """
    if not answer.output:
        return None
    try:
        return bincode.decode_hex(Output, answer.output)
    except Quarantine as error:
        raise UnreadableAnswer(f"output of {answer.order_id}: {error}") from error
