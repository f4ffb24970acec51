"""Words for writing a scenario by hand: each names one input line, with a time and a request id of its own."""

from abc import ABC, abstractmethod
from typing import Any

from tests.model.arithmetic import iso
from tests.model.expected import Event
from tests.model.orders import Lender, Trader
from tests.property.lockstep import Lockstep
from tests.property.moves import HOUR_MS, START_MS, settle_message


class Words(ABC):
    """What can be said to an exchange; traders and lenders are known by their account."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self._requests = 0
        self._uuids = 0

    @abstractmethod
    def take(self, line: dict[str, Any]) -> list[Event]:
        """Give the line to the exchange."""

    @abstractmethod
    def order_uuid(self, account: str) -> str:
        """Return the live order of the account."""

    @abstractmethod
    def deposit_uuid(self, account: str) -> str:
        """Return the live deposit of the account."""

    def uuid(self) -> str:
        self._uuids += 1
        return f"00000000-0000-4000-8000-{self._uuids:012x}"

    def _take(self, **line: Any) -> list[Event]:
        return self.take({"now": iso(self.now_ms), **line})

    def wait(self, ms: int) -> None:
        self.now_ms += ms

    def tick(self, price: float, status: str = "HEALTHY", *flags: str) -> list[Event]:
        self.wait(250)
        return self._take(tick={"price": float(price), "status": status, "flags": list(flags)})

    def fund(self) -> list[Event]:
        self.now_ms = (self.now_ms // HOUR_MS + 1) * HOUR_MS
        return self._take(funding_hour=self.now_ms // HOUR_MS)

    def admin(self, method: str, **params: Any) -> list[Event]:
        return self._take(admin={"method": method, "params": params})

    def command(self, variant: str, *content: Any, **line: Any) -> list[Event]:
        self._requests += 1
        sent = [*content, {"metadata": {}}, "00", f"REQID{self._requests:064}"]
        return self._take(command={variant: sent}, **line)

    def open(
        self,
        account: str,
        side: str,
        margin: int,
        leverage: int = 10,
        *,
        limit: float | None = None,
        sl: float | None = None,
        tp: float | None = None,
    ) -> list[Event]:
        request = {
            "account_id": account,
            "position_type": side,
            "order_type": "MARKET" if limit is None else "LIMIT",
            "leverage": float(leverage),
            "initial_margin": float(margin),
            "available_margin": 0.0,
            "order_status": "PENDING",
            "entryprice": float(limit or 0),
            "execution_price": 0.0,
        }
        uuid = self.uuid()
        if sl is None and tp is None:
            return self.command("CreateTraderOrder", request, uuid=uuid)
        legs = {"sl": sl, "tp": tp}
        return self.command("CreateTraderOrderSlTp", request, legs, settle_message(account), uuid=uuid)

    def close(self, account: str, *, limit: float | None = None) -> list[Event]:
        mode = "MARKET" if limit is None else "LIMIT"
        return self.command("ExecuteTraderOrder", self._closing(account, mode, limit or 0.0))

    def protect(self, account: str, *, sl: float | None = None, tp: float | None = None) -> list[Event]:
        return self.command("ExecuteTraderOrderSlTp", self._closing(account, "SLTP"), {"sl": sl, "tp": tp})

    def _closing(self, account: str, mode: str, price: float = 0.0) -> dict[str, Any]:
        return {
            "account_id": account,
            "uuid": self.order_uuid(account),
            "order_type": mode,
            "settle_margin": 0.0,
            "order_status": "FILLED",
            "execution_price": float(price),
        }

    def cancel(self, account: str) -> list[Event]:
        uuid = self.order_uuid(account)
        request = {"account_id": account, "uuid": uuid, "order_type": "LIMIT", "order_status": "CANCELLED"}
        return self.command("CancelTraderOrder", request)

    def lend(self, account: str, deposit: int) -> list[Event]:
        request = {
            "account_id": account,
            "balance": float(deposit),
            "order_type": "LEND",
            "order_status": "FILLED",
            "deposit": float(deposit),
        }
        return self.command("CreateLendOrder", request, uuid=self.uuid())

    def withdraw(self, account: str) -> list[Event]:
        request = {
            "account_id": account,
            "uuid": self.deposit_uuid(account),
            "order_type": "LEND",
            "settle_withdraw": 0.0,
            "order_status": "FILLED",
            "poolshare_price": 0.0,
        }
        return self.command("ExecuteLendOrder", request)


class Story(Lockstep, Words):
    """A scenario told by name and played on engine and model; what there is now is as the model has it."""

    def __init__(self, profile: str = "default", *, tlv: int = 200_000_000, tps: int = 200_000) -> None:
        Lockstep.__init__(self, profile, tlv, tps)
        Words.__init__(self)

    def order_uuid(self, account: str) -> str:
        return self.order(account).uuid

    def deposit_uuid(self, account: str) -> str:
        return self.deposit(account).uuid

    def order(self, account: str) -> Trader:
        (found,) = [order for order in self.model.ledger.traders.values() if order.account_id == account]
        return found

    def deposit(self, account: str) -> Lender:
        (found,) = [lender for lender in self.model.ledger.lenders.values() if lender.account_id == account]
        return found

    @property
    def pool(self) -> tuple[int, int, int]:
        ledger = self.model.ledger
        return ledger.tlv, ledger.tps, ledger.nonce


def told(events: list[Event], status: str) -> dict[str, Any]:
    """Return the one order in the events that has this status."""
    (found,) = [e.value[0] for e in events if e.kind.startswith("TraderOrder") and e.value[0]["order_status"] == status]
    return found


def answers(events: list[Event]) -> list[str]:
    """Return the statuses of the answers."""
    return [event.value["order_status"] for event in events if event.kind.startswith("TxHash")]


def reason(events: list[Event]) -> str:
    """Return the code that the one answer's reason begins with."""
    (answer,) = [event.value for event in events if event.kind == "TxHash"]
    return str(answer["reason"]).partition(" ")[0]
