"""The two kinds of order as the ledger keeps them, and how they read in the log (sections 1.2 and 1.3)."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.model.arithmetic import rounded, score

PENDING, FILLED, SETTLED, LIQUIDATE, CANCELLED = "PENDING", "FILLED", "SETTLED", "LIQUIDATE", "CANCELLED"


class Trigger(NamedTuple):
    """A price at which a position closes, who set it last, and its place among equals."""

    price: float
    request_id: str
    stamp: int

    @property
    def score(self) -> int:
        return score(self.price)

    @property
    def shown_price(self) -> float:
        """The price as an ``old_price`` shows it."""
        return self.score / 10000


@dataclass
class Trader:
    """A live order of a trader. The names are the wire's."""

    uuid: str
    account_id: str
    position_type: str
    order_status: str
    order_type: str
    entryprice: float
    execution_price: float
    leverage: float
    initial_margin: float
    entry_sequence: int
    request_id: str
    stamp: int
    """Place among equals in the OPEN set, later in the LIQ set."""
    timestamp: str
    positionsize: float = 0.0
    available_margin: float = 0.0
    bankruptcy_price: float = 0.0
    bankruptcy_value: float = 0.0
    maintenance_margin: float = 0.0
    liquidation_price: float = 0.0
    fee_filled: float = 0.0
    funded: bool = False
    triggers: dict[str, Trigger] = field(default_factory=dict)
    """``limit``, ``sl``, ``tp``; of a PENDING order: the legs that it will have when it is filled."""

    @property
    def value(self) -> int:
        """Return V, a whole number of sats."""
        return int(self.initial_margin) * int(self.leverage)

    @property
    def exact_size(self) -> int:
        """Return P of a position, exactly: it was opened at a whole price."""
        return self.value * int(self.entryprice)

    @property
    def accrued(self) -> int:
        """Return R(A - M): what fees and funding have done so far."""
        return rounded(self.available_margin - self.initial_margin)

    def wire(self, **changes: Any) -> dict[str, Any]:
        """Return the 23 fields of the log, some of them changed."""
        return {
            "uuid": self.uuid,
            "account_id": self.account_id,
            "position_type": self.position_type,
            "order_status": self.order_status,
            "order_type": self.order_type,
            "entryprice": self.entryprice,
            "execution_price": self.execution_price,
            "positionsize": self.positionsize,
            "leverage": self.leverage,
            "initial_margin": self.initial_margin,
            "available_margin": self.available_margin,
            "timestamp": self.timestamp,
            "bankruptcy_price": self.bankruptcy_price,
            "bankruptcy_value": self.bankruptcy_value,
            "maintenance_margin": self.maintenance_margin,
            "liquidation_price": self.liquidation_price,
            "unrealized_pnl": 0.0,
            "settlement_price": 0.0,
            "entry_nonce": 0,
            "exit_nonce": 0,
            "entry_sequence": self.entry_sequence,
            "fee_filled": self.fee_filled,
            "fee_settled": 0.0,
            **changes,
        }


@dataclass
class Lender:
    """A live deposit."""

    uuid: str
    account_id: str
    balance: float
    deposit: int
    npoolshare: float
    entry_nonce: int
    timestamp: str
    deposited_ms: int
    tlv0: int
    tps0: int
    tlv1: int
    tps1: int
    entry_sequence: int

    def wire(self, **changes: Any) -> dict[str, Any]:
        """Return the 22 fields of the log, some of them changed."""
        return {
            "uuid": self.uuid,
            "account_id": self.account_id,
            "balance": self.balance,
            "order_status": FILLED,
            "order_type": "LEND",
            "entry_nonce": self.entry_nonce,
            "exit_nonce": 0,
            "deposit": self.deposit,
            "new_lend_state_amount": self.deposit,
            "timestamp": self.timestamp,
            "npoolshare": self.npoolshare,
            "nwithdraw": 0.0,
            "payment": 0.0,
            "tlv0": self.tlv0,
            "tps0": self.tps0,
            "tlv1": self.tlv1,
            "tps1": self.tps1,
            "tlv2": 0.0,
            "tps2": 0.0,
            "tlv3": 0.0,
            "tps3": 0.0,
            "entry_sequence": self.entry_sequence,
            **changes,
        }
