"""A market to try strategies in: the real engine, the real intake, wallets, and a price that the clever see first.

The engine is the one of `twilight core simulate`; a profile whose option is switched off shows what a rule is for.
Nothing here knows how the engine works: wallets are kept from what the log says was paid.
"""

import json
from collections import defaultdict
from typing import Any

from tests.model.expected import Event
from tests.model.observed import observed
from tests.property.story import Words

from twilight.core.inputs.intake import Intake
from twilight.core.simulate import Simulation
from twilight.domain.model.clock import parse_iso
from twilight.domain.model.inputs import FeedStatus
from twilight.domain.model.profile import DEFAULT, Profile

TICK_MS = 250


class Floor(Words):
    """An exchange and its people. Wallets start at 0; what they hold in the end is what they won or lost."""

    def __init__(
        self, profile: Profile = DEFAULT, *, intake_ticks: int = 0, tlv: int = 200_000_000, price: float = 65_000
    ) -> None:
        super().__init__()
        self._simulation = Simulation(profile, tlv_sats=tlv, tps=tlv // 1000)
        self._intake: Intake[dict[str, Any]] = Intake(intake_ticks)
        self.wallets: dict[str, int] = defaultdict(int)
        self._orders: dict[str, dict[str, Any]] = {}
        self._deposits: dict[str, dict[str, Any]] = {}
        self.tlv, self.tps = tlv, tlv // 1000
        self.fees_paid = 0.0
        self.shortfall = 0
        self.tick(price)

    # Lines go in.

    def take(self, line: dict[str, Any]) -> list[Event]:
        """Give a line to the exchange; a command waits for as many ticks as the intake says (R5)."""
        if "command" not in line:
            return self._carried_out(line)
        self._intake.arrive([line], self.now_ms)
        return [event for due in self._intake.ready(self.now_ms) for event in self._carried_out(due)]

    def tick(self, price: float, status: str = "HEALTHY", *flags: str) -> list[Event]:
        """Let the index move, then hand over what waited for it."""
        events = super().tick(price, status, *flags)
        accepted = status in ("HEALTHY", "DEGRADED")
        due = self._intake.ticked(self.now_ms) if accepted else []
        return events + [event for line in due for event in self._carried_out(line)]

    def rest(self, hours: float = 2) -> None:
        """Let time pass; deposits grow older than the holding time."""
        self.wait(int(hours * 3_600_000))

    def _carried_out(self, line: dict[str, Any]) -> list[Event]:
        now_ns = parse_iso(line["now"])
        events = [observed(record) for record in self._records(now_ns, line)]
        for event in events:
            self._settle(event)
        return events

    def _records(self, now_ns: int, line: dict[str, Any]) -> list[bytes]:
        if "tick" in line:
            given = line["tick"]
            return self._simulation.tick(now_ns, given["price"], FeedStatus(given["status"]), tuple(given["flags"]))
        if "command" in line:
            return self._simulation.command(now_ns, json.dumps(line["command"]).encode(), uuid=line.get("uuid"))
        if "funding_hour" in line:
            return self._simulation.funding_hour(now_ns, line["funding_hour"])
        return self._simulation.admin(now_ns, line["admin"]["method"], line["admin"]["params"])

    # What the log says was paid.

    def _settle(self, event: Event) -> None:
        if event.kind.startswith("TraderOrder") and event.kind != "TraderOrderLimitUpdate":
            self._order(event.value[0])
        elif event.kind == "LendOrder":
            self._deposit(event.value[0])
        elif event.kind == "PoolUpdate":
            self.tlv, self.tps = int(event.value[1]["total_locked_value"]), int(event.value[1]["total_pool_share"])
            self.shortfall += int((event.metadata or {}).get("shortfall_sats", 0))

    def _order(self, order: dict[str, Any]) -> None:
        account, status = order["account_id"], order["order_status"]
        if status == "FILLED" and self._orders.get(account, {}).get("order_status") != "FILLED":
            self.wallets[account] -= int(order["initial_margin"])
            self.fees_paid += order["fee_filled"]
        self._orders[account] = order
        if status in ("SETTLED", "LIQUIDATE"):
            self.wallets[account] += int(order["available_margin"])
            self.fees_paid += order["fee_settled"]
        if status in ("SETTLED", "LIQUIDATE", "CANCELLED"):
            del self._orders[account]

    def _deposit(self, order: dict[str, Any]) -> None:
        account = order["account_id"]
        if order["order_status"] == "FILLED":
            self.wallets[account] -= int(order["deposit"])
            self._deposits[account] = order
        elif account in self._deposits:
            self.wallets[account] += int(order["new_lend_state_amount"])
            del self._deposits[account]

    # What there is.

    def order_uuid(self, account: str) -> str:
        return str(self._orders[account]["uuid"])

    def deposit_uuid(self, account: str) -> str:
        return str(self._deposits[account]["uuid"])

    def has_order(self, account: str) -> bool:
        return account in self._orders

    def has_position(self, account: str) -> bool:
        return self._orders.get(account, {}).get("order_status") == "FILLED"

    def has_deposit(self, account: str) -> bool:
        return account in self._deposits

    def positions(self, side: str) -> list[dict[str, Any]]:
        return [o for o in self._orders.values() if (o["order_status"], o["position_type"]) == ("FILLED", side)]

    def exposure(self, side: str) -> int:
        """Return the entry value of all positions of a side, in sats."""
        return sum(int(order["initial_margin"]) * int(order["leverage"]) for order in self.positions(side))

    def profit(self, *accounts: str) -> int:
        """Return what these people have won, in sats; what they still hold counts as nothing."""
        return sum(self.wallets[account] for account in accounts)
