"""The exchange as a plain ledger: what there is, what it adds up to, and how each change reads in the log.

Written from the specification alone. Nothing is indexed or cached that could be found by looking at every order.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from tests.model import formulas
from tests.model.arithmetic import iso, shown
from tests.model.expected import ANYTHING, HASHED, AtLeast, Event
from tests.model.formulas import LONG, SHORT
from tests.model.orders import FILLED, PENDING, Lender, Trader
from tests.model.rules import Rules

HEALTHY, DEGRADED, STARTING = "HEALTHY", "DEGRADED", "STARTING"
FEE_NAMES = ("FilledOnMarket", "FilledOnLimit", "SettledOnMarket", "SettledOnLimit")


class Ledger:
    """One exchange from its founding; the modules beside this one say what each input does to it."""

    def __init__(self, rules: Rules, *, tlv: int, tps: int) -> None:
        self.rules = rules
        self.tlv, self.tps, self.nonce = tlv, tps, 1
        self.fees = dict(zip(FEE_NAMES, (0.04, 0.02, 0.04, 0.02), strict=True))
        self.params = {
            "max_oi_mult": 4.0,
            "max_net_mult": 0.8,
            "max_position_pct": 0.02,
            "min_position_btc": 0.0,
            "max_leverage": 50.0,
            "mm_ratio": 0.4,
        }
        self.switches = dict.fromkeys(("manual_halt", "manual_close_only", "pause_funding", "pause_price_feed"), False)
        self.price: int | None = None
        self.feed = STARTING
        self.traders: dict[str, Trader] = {}
        self.lenders: dict[str, Lender] = {}
        self.exposure = {LONG: 0, SHORT: 0}
        self.pending_exposure = {LONG: 0, SHORT: 0}
        self.sizes = {LONG: 0, SHORT: 0}
        self.pool_seq, self.trader_seq, self.lend_seq = 1, 0, 1
        self.entry_sequence, self.lend_entry_sequence = 0, 1
        self.stamp = 0
        self.request_ids: set[str] = set()
        self.funding_hour: int | None = None
        self.funding_index = 0
        self.now_ms = 0
        self.request_id = ""
        self.events: list[Event] = []

    # What there is.

    def filled(self, side: str | None = None) -> list[Trader]:
        """Return the open positions in the order of their entry."""
        return self._with_status(FILLED, side)

    def resting(self, side: str | None = None) -> list[Trader]:
        """Return the resting opens in the order of their entry."""
        return self._with_status(PENDING, side)

    def _with_status(self, status: str, side: str | None) -> list[Trader]:
        found = [o for o in self.traders.values() if o.order_status == status and side in (None, o.position_type)]
        return sorted(found, key=lambda order: order.entry_sequence)

    @property
    def tradable(self) -> bool:
        """Say whether the current price may be traded at."""
        return self.feed in (HEALTHY, DEGRADED) and not self.switches["pause_price_feed"]

    @property
    def now(self) -> str:
        return iso(self.now_ms)

    @property
    def now_us(self) -> str:
        return str(self.now_ms * 1000)

    def next_stamp(self) -> int:
        """Return a number larger than all before: the place among equals of what is inserted now."""
        self.stamp += 1
        return self.stamp

    def net_asset_value(self, price: Fraction) -> Fraction:
        """Return NAV(q) of R19."""
        value = Fraction(self.tlv)
        for order in self.filled():
            worth = order.exact_size / price
            gain = order.value - worth if order.position_type == LONG else worth - order.value
            value -= gain + order.accrued
        return value

    def insolvent(self) -> bool:
        """Say whether the pool, with every position marked at the current price, has nothing left (R19)."""
        return self.rules.marked_shares and self.price is not None and self.net_asset_value(Fraction(self.price)) <= 0

    # How it reads.

    def emit(self, kind: str, agg_id: Any, value: Any, **metadata: str) -> None:
        """Append one event; what a command caused carries its request id (C5)."""
        if self.request_id:
            metadata["request_id"] = self.request_id
        self.events.append(Event(kind, agg_id, value, AtLeast(**metadata)))

    def meta(self, **more: str) -> dict[str, Any]:
        """Return the metadata of a command that the engine makes for itself."""
        return {"metadata": {"CurrentPrice": shown(self.price or 0), "request_server_time": self.now_us, **more}}

    def answer(  # noqa: PLR0913 - the members of one record
        self,
        order_id: str,
        account_id: str,
        order_type: Any,
        status: str,
        *,
        kind: str = "TxHash",
        request_id: str | None = None,
        hashed: bool = False,
        agg_id: Any = ANYTHING,
        reason: Any = ANYTHING,
        old_price: Any = None,
        new_price: Any = None,
    ) -> None:
        """Emit the record that tells what became of a request."""
        record = {
            "order_id": order_id,
            "account_id": account_id,
            "tx_hash": HASHED if hashed else "",
            "order_type": order_type,
            "order_status": status,
            "datetime": self.now,
            "output": None,
            "request_id": self.request_id if request_id is None else request_id,
            "reason": reason,
            "old_price": old_price,
            "new_price": new_price,
        }
        self.emit(kind, HASHED if hashed else agg_id, record)

    def risk_state(self) -> dict[str, Any]:
        return {
            "total_long_btc": float(self.exposure[LONG]),
            "total_short_btc": float(self.exposure[SHORT]),
            "total_pending_long_btc": float(self.pending_exposure[LONG]),
            "total_pending_short_btc": float(self.pending_exposure[SHORT]),
            **self.switches,
        }

    def add_exposure(self, order: Trader, amount: int) -> None:
        """Change the filled exposure of the order's side and tell it (7.5)."""
        self.exposure[order.position_type] += amount
        self._tell_exposure("Exposure", order, amount)

    def add_pending_exposure(self, order: Trader, amount: int) -> None:
        """Change the resting exposure of the order's side and tell it (7.5)."""
        self.pending_exposure[order.position_type] += amount
        self._tell_exposure("PendingExposure", order, amount)

    def _tell_exposure(self, what: str, order: Trader, amount: int) -> None:
        done = "Add" if amount > 0 else "Remove"
        agg_id = f"{done}{'PendingRiskExposure' if what == 'PendingExposure' else 'RiskExposure'}"
        command = {done + what: [order.position_type, float(abs(amount))]}
        self.emit("RiskEngineUpdate", agg_id, [command, self.risk_state()])

    def switch(self, name: str, command: str, *, on: bool) -> None:
        """Set a switch and tell it, also when it was set already (7.5)."""
        self.switches[name] = on
        self.emit("RiskEngineUpdate", command, [{command: on}, self.risk_state()])

    def add_size(self, order: Trader, sign: int) -> None:
        """Change the position totals and tell them (1.5)."""
        self.sizes[order.position_type] += sign * order.exact_size
        command = "AddPositionSize" if sign > 0 else "RemovePositionSize"
        value = [{command: [order.position_type, order.positionsize]}, self.size_log()]
        self.emit("PositionSizeLogDBUpdate", command, value)

    def size_log(self) -> dict[str, float]:
        """Return the totals: exact sums, each told as the nearest double (R25)."""
        return {
            "total_short_positionsize": float(self.sizes[SHORT]),
            "total_long_positionsize": float(self.sizes[LONG]),
            "totalpositionsize": float(self.sizes[LONG] + self.sizes[SHORT]),
        }

    def sorted_set(self, agg_id: Any, command: str, *content: Any) -> None:
        self.emit("SortedSetDBUpdate", agg_id, [{command: list(content)}, self.now])

    def trader_event(self, kind: str, agg_id: str, order: dict[str, Any], command: Any) -> None:
        """Emit an event of the trader store with its next number (6.3)."""
        self.trader_seq += 1
        self.emit(kind, f"{agg_id}-{order['uuid']}", [order, command, self.trader_seq])

    def pool_event(self, agg_id: str, command: Any, pending: Iterable[tuple[Any, float]] = (), **metadata: str) -> None:
        """Emit the pool as it is now, with its next number (6.3)."""
        self.pool_seq += 1
        waiting = list(pending)
        pool = {
            "sequence": 0,
            "nonce": self.nonce,
            "total_pool_share": float(self.tps),
            "total_locked_value": float(self.tlv),
            "pending_orders": {
                "nonce": 0,
                "len": len(waiting),
                "amount": sum(amount for _, amount in waiting),
                "trader_order_data": [waiting_command for waiting_command, _ in waiting],
            },
            "aggrigate_log_sequence": self.pool_seq,
            "last_snapshot_id": 0,
            "last_output_state": self.state_output(self.nonce, self.tlv),
        }
        self.emit("PoolUpdate", agg_id, [command, pool, self.pool_seq], **metadata)

    def state_output(self, nonce: int, tlv: int) -> dict[str, int]:
        """Return a pool state in short: negative amounts are 0 for the chain (section 10)."""
        return {"nonce": nonce, "tlv": max(0, tlv), "tps": max(0, self.tps)}

    # Figures of an order.

    def figure(self, order: Trader, fee_name: str, rate: float) -> None:
        """Compute size, bankruptcy, maintenance and liquidation of the order as it stands (2.1 to 2.6)."""
        order.positionsize = order.value * order.entryprice
        order.bankruptcy_price = formulas.bankruptcy_price(order.entryprice, order.leverage, order.position_type)
        order.bankruptcy_value = formulas.bankruptcy_value(order.positionsize, order.bankruptcy_price)
        self.figure_maintenance(order, fee_name, rate)
        self.figure_liquidation(order)

    def figure_maintenance(self, order: Trader, fee_name: str, rate: float) -> None:
        order.maintenance_margin = formulas.maintenance_margin(
            self.params["mm_ratio"], float(order.value), self.fees[fee_name], rate, order.bankruptcy_value
        )

    def figure_liquidation(self, order: Trader) -> None:
        order.liquidation_price = formulas.liquidation_price(
            order.entryprice, order.positionsize, order.position_type, order.maintenance_margin, order.initial_margin
        )

    def check_totals(self) -> None:
        """Assert that the running totals are the sums over the orders (I-01, I-02)."""
        for side in (LONG, SHORT):
            assert self.exposure[side] == sum(order.value for order in self.filled(side))
            assert self.pending_exposure[side] == sum(order.value for order in self.resting(side))
            assert self.sizes[side] == sum(order.exact_size for order in self.filled(side))


def rounded_down(value: Fraction) -> int:
    return value.numerator // value.denominator


def rounded_up(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
