"""The chain port (engine 10, decisions C11, C13): what the engine asks of the chain and what it hears back.

The engine hands over whole requests and gets an outcome. `Disabled` answers in the same step without a chain: its
hash is a digest of what the request is, its memo comes from the payload codec, which lives with the wire.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256, sha512
from typing import Protocol

from twilight.domain.model.numbers import round_half_away, unsigned
from twilight.domain.model.orders import LendOrder, OrderStatus, TraderOrder
from twilight.domain.model.pool import Commitment, LendPool, StateOutput

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Order of the ristretto255 group: blinding factors are scalars below it."""


class Operation(StrEnum):
    """The six requests that the engine makes of the chain."""

    OPEN = "open"
    FILL = "fill"
    SETTLE = "settle"
    LIQUIDATE = "liquidate"
    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"


class Refusal(StrEnum):
    """Why the chain said no."""

    SERIALIZATION = "SerializationError"
    UTXO = "UtxoError"
    REJECTED = "RejectedFromChain"
    STATE_NOT_READY = "StateNotReady"


POOL_OPERATIONS = frozenset({Operation.SETTLE, Operation.LIQUIDATE, Operation.DEPOSIT, Operation.WITHDRAW})
"""Those that move the pool's chain state, one at a time (engine 10)."""

_ENTERING = frozenset({Operation.OPEN, Operation.FILL})

REFUSAL_STATUS = {
    Refusal.SERIALIZATION: OrderStatus.SERIALIZATION_ERROR,
    Refusal.UTXO: OrderStatus.UTXO_ERROR,
    Refusal.REJECTED: OrderStatus.REJECTED_FROM_CHAIN,
    Refusal.STATE_NOT_READY: OrderStatus.REJECTED_FROM_CHAIN,
}


@dataclass(slots=True)
class ChainRequest:
    """One transaction: `payload` is the client's hex (for a liquidation the kept memo), states only for pool ones.

    `amount_sats` is what the client's coin is paid; the residuals of engine 2.14 follow from the order.
    """

    operation: Operation
    order: TraderOrder | LendOrder
    payload: str | None
    last_state: StateOutput | None = None
    next_state: StateOutput | None = None
    amount_sats: int = 0


@dataclass(slots=True)
class Accepted:
    """The chain took it: upper-case hex of the hash, and the memo that the order now owns, if it has one."""

    tx_hash: str
    output: str | None = None


@dataclass(slots=True)
class Refused:
    """The chain did not take it; nothing happened."""

    kind: Refusal
    text: str

    @property
    def status(self) -> OrderStatus:
        """The status that the answer record carries."""
        return REFUSAL_STATUS[self.kind]


@dataclass(slots=True)
class InFlight:
    """The chain will answer later: the request is to be sent once its intent is in the log (C11)."""


Answer = Accepted | Refused
Outcome = Answer | InFlight


class PayloadError(ValueError):
    """A client's hex does not decode as its command demands (C13, `PAYLOAD=strict`)."""


class PayloadCodec(Protocol):
    """What the engine needs to know of payload hex; the wire implements it (wire 8)."""

    def open_memo(self, payload: str, entry_price: int, position_size: int, fee_sats: int) -> str | None:
        """Return the hex of the rewritten memo output of a create transaction, None if lenient and undecodable."""

    def deposit_memo(self, payload: str, pool_share: int) -> str | None:
        """Return the hex of the rewritten memo output of a deposit message, None if lenient and undecodable."""

    def settle_owner(self, payload: str) -> str | None:
        """Return the account that owns a settle message's memo, None if lenient and undecodable."""


class Chain(Protocol):
    """What the engine asks of the chain."""

    def submit(self, request: ChainRequest) -> Outcome:
        """Carry out one transaction."""

    @property
    def answers_later(self) -> bool:
        """Whether accepted requests are in flight for a while."""

    def check_open(self, order: TraderOrder, payload: str) -> Refused | None:
        """Return why a resting order's payload could never be filled, None if it can."""

    def settle_owner(self, payload: str) -> str | None:
        """Return the account that a settle message's memo names; raises `PayloadError`."""


class LenientPayloads:
    """A codec that reads nothing: tests and `simulate` (C13)."""

    def open_memo(self, payload: str, entry_price: int, position_size: int, fee_sats: int) -> str | None:  # noqa: ARG002  # the protocol's names
        """Return no memo."""
        return None

    def deposit_memo(self, payload: str, pool_share: int) -> str | None:  # noqa: ARG002  # the protocol's names
        """Return no memo."""
        return None

    def settle_owner(self, payload: str) -> str | None:  # noqa: ARG002  # the protocol's names
        """Return no owner."""
        return None


class Disabled:
    """No chain is attached: everything well-formed is accepted at once, with a synthetic hash (W-42)."""

    answers_later = False

    def __init__(self, payloads: PayloadCodec) -> None:
        self._payloads = payloads

    def submit(self, request: ChainRequest) -> Outcome:
        """Accept, unless the payload does not decode."""
        try:
            output = self._memo(request)
        except PayloadError as error:
            return Refused(Refusal.SERIALIZATION, str(error))
        return Accepted(synthetic_hash(request), output)

    def check_open(self, order: TraderOrder, payload: str) -> Refused | None:
        """Refuse a payload that does not decode before the order rests."""
        outcome = self.submit(ChainRequest(Operation.OPEN, order, payload))
        return outcome if isinstance(outcome, Refused) else None

    def settle_owner(self, payload: str) -> str | None:
        """Return the account that a settle message's memo names; raises `PayloadError`."""
        return self._payloads.settle_owner(payload)

    def _memo(self, request: ChainRequest) -> str | None:
        order, payload = request.order, request.payload or ""
        if isinstance(order, LendOrder):
            if request.operation is Operation.DEPOSIT:
                return self._payloads.deposit_memo(payload, request.amount_sats)
            return None
        if request.operation in _ENTERING:
            price, size, fee = map(round_half_away, (order.entry_price, order.position_size, order.fee_filled_sats))
            return self._payloads.open_memo(payload, unsigned(price), unsigned(size), unsigned(fee))
        return None


class Attached(Disabled):
    """A chain is attached: what is well-formed becomes an intent, which the core sends when it is in the log."""

    answers_later = True

    def submit(self, request: ChainRequest) -> Outcome:
        """Refuse what does not decode; everything else is in flight."""
        outcome = super().submit(request)
        return outcome if isinstance(outcome, Refused) else InFlight()


def synthetic_hash(request: ChainRequest) -> str:
    """Return 64 upper-case hex digits that depend on what the request is and on nothing else."""
    nonce = request.next_state.nonce if request.next_state else 0
    text = f"{request.operation}|{request.order.uuid}|{nonce}"
    return sha256(text.encode()).hexdigest().upper()


def next_state(pool: LendPool, tlv_sats: int, tps: int) -> StateOutput | None:
    """Return the pool's next chain state: nonce one higher, both totals committed anew (engine 10)."""
    last = pool.last_output_state
    if last is None:
        return None
    nonce = last.nonce + 1
    return StateOutput(
        nonce,
        last.script_address,
        last.owner,
        Commitment(tlv_sats, _blinding("tlv", nonce, tlv_sats, last.tlv.blinding)),
        Commitment(tps, _blinding("tps", nonce, tps, last.tps.blinding)),
        last.timebounds,
    )


def _blinding(name: str, nonce: int, value: int, previous: bytes) -> bytes:
    """Return a scalar that follows from the state before, so every replica commits alike."""
    seed = f"twilight/{name}/{nonce}/{value}/".encode() + previous
    return (int.from_bytes(sha512(seed).digest(), "little") % GROUP_ORDER).to_bytes(32, "little")
