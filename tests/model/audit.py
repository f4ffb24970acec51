"""The invariants of section 13, checked on the event stream alone.

An auditor knows nothing of what the exchange holds but what the log says: he folds the events (9.3) and asserts what
must be true after every input. He shares no figures with the ledger of this folder.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tests.model.arithmetic import rounded
from tests.model.expected import Event
from tests.model.formulas import LONG, SHORT, unrealized_pnl

CLOSE_SETS = ("CloseLimitPrice", "StopLossCloseLIMITPrice", "TakeProfitCloseLIMITPrice")
ARROWS = {None: {"FILLED", "PENDING"}, "PENDING": {"FILLED", "CANCELLED"}, "FILLED": {"FILLED", "SETTLED", "LIQUIDATE"}}
ENDED = {"SETTLED", "LIQUIDATE", "CANCELLED"}
REFUSED = {"RejectedByRiskEngine", "CANCELLED", "DuplicateOrder", "OrderNotFound", "Error", "SerializationError"}
OPENED = {"FILLED", "PENDING"}


class Auditor:
    """Reads one log from its first record; `exact` says that payments are whole and capped (W-04 to W-06)."""

    def __init__(self, *, exact: bool) -> None:
        self.exact = exact
        self.orders: dict[str, dict[str, Any]] = {}
        self.lenders: dict[str, dict[str, Any]] = {}
        self.triggers: dict[str, set[str]] = {name: set() for name in CLOSE_SETS}
        self.pool: dict[str, Any] = {}
        self.risk: dict[str, Any] = {}
        self.params: dict[str, float] = {}
        self.fees: list[float] = []
        self.sizes = {"total_long_positionsize": 0.0, "total_short_positionsize": 0.0, "totalpositionsize": 0.0}
        self.price = 0
        self.books = Books()
        self.last_seq = {"trader": 0, "lend": 0, "pool": 0}
        self.entry_sequence = 0
        self.fresh: set[str] = set()
        self.slack = 0

    def take(self, line: dict[str, Any], events: list[Event]) -> None:
        """Fold the events of one input, then check what must hold between inputs."""
        self.fresh = set()
        before = dict(self.risk)
        funding_starts = (self.books.tlv, self._of("PENDING"), dict(self.sizes))
        for event in events:
            _FOLDS.get(event.kind, _ignore)(self, event)
        self._check_totals()
        self._check_accounts()
        self._check_triggers()
        self._check_conservation()
        self._check_gates(before, events)
        if "command" in line:
            self._check_answered(line["command"], events)
        if "tick" in line and any(event.kind == "CurrentPriceUpdate" for event in events):
            self._check_nothing_left()
        if "funding_hour" in line and events:
            self._check_funding(events, *funding_starts)

    # Folding.

    def on_fee_update(self, event: Event) -> None:
        self.fees = event.value[0]["UpdateFees"]

    def on_risk_params_update(self, event: Event) -> None:
        self.params = event.value

    def on_risk_engine_update(self, event: Event) -> None:
        self.risk = event.value[1]

    def on_position_size_log_update(self, event: Event) -> None:
        self.sizes = event.value[1]

    def on_current_price_update(self, event: Event) -> None:
        self.price = int(event.value[0])
        assert self.price == event.value[0] >= 1, "I-23: a price is a positive whole number"

    def on_trader_order(self, event: Event) -> None:
        self._sequence("trader", event.value[2])
        self._order(event.value[0])

    def on_trader_order_limit_update(self, event: Event) -> None:
        self._sequence("trader", event.value[2])
        assert self.orders[event.value[0]["uuid"]] == event.value[0], "3.3: the order inside is unchanged"

    def on_trader_order_funding_update(self, event: Event) -> None:
        self._order(event.value[0] | {"timestamp": self.orders[event.value[0]["uuid"]]["timestamp"]})

    def _order(self, order: dict[str, Any]) -> None:
        known = self.orders.get(order["uuid"])
        was, is_ = known["order_status"] if known else None, order["order_status"]
        assert is_ in ARROWS[was], f"I-19: {was} -> {is_}"
        if known is None:
            assert order["entry_sequence"] > self.entry_sequence, "I-16"
            self.entry_sequence = order["entry_sequence"]
        if is_ == "FILLED":
            _check_figures(order)
        if is_ == "FILLED" and was != "FILLED":
            self.fresh.add(order["uuid"])
            self.books.margins_in += int(order["initial_margin"])
            self._check_open(order)
        if is_ in ENDED:
            del self.orders[order["uuid"]]
        else:
            self.orders[order["uuid"]] = order
        if is_ in ("SETTLED", "LIQUIDATE"):
            self._ended(order)

    def _ended(self, order: dict[str, Any]) -> None:
        self.books.payouts += int(order["available_margin"])
        if order["order_status"] == "LIQUIDATE":
            assert order["available_margin"] == 0, "I-10"
            return
        assert order["fee_settled"] >= 1, "I-12"
        moved = order["settlement_price"] - order["entryprice"]
        gained = order["unrealized_pnl"] if order["position_type"] == LONG else -order["unrealized_pnl"]
        assert gained == 0 or (gained > 0) == (moved > 0), "I-07"

    def on_lend_order(self, event: Event) -> None:
        order, _, seq = event.value
        self._sequence("lend", seq)
        if order["order_status"] == "FILLED":
            self.lenders[order["uuid"]] = order
            self.books.deposits += int(order["deposit"])
            self._check_dilution(order["tps1"] - order["tps0"], int(order["deposit"]), order)
        elif order["uuid"] in self.lenders:
            del self.lenders[order["uuid"]]
            self.books.withdrawals += int(order["new_lend_state_amount"])
            self._check_dilution(order["tps3"] - order["tps2"], -int(order["new_lend_state_amount"]), order)

    def on_pool_update(self, event: Event) -> None:
        ((cause, _),) = event.value[0].items()
        pool, seq = event.value[1], event.value[2]
        self._sequence("pool", seq)
        assert pool["aggrigate_log_sequence"] == seq
        state = pool["last_output_state"]
        committed = {"nonce": state["nonce"], "tlv": float(state["tlv"]), "tps": state["tps"]}
        output = {"nonce": pool["nonce"], "tlv": max(0, pool["total_locked_value"]), "tps": pool["total_pool_share"]}
        assert committed == output, "I-15: the state commits to what the pool holds"
        if cause == "InitiateNewPool":
            self.books.genesis = self.books.tlv = int(pool["total_locked_value"])
        else:
            steps = 0 if cause.startswith("Add") else 1
            assert pool["nonce"] == self.pool["nonce"] + steps, "I-15"
        if cause.startswith("Add"):
            self._check_payment(event.value[0][cause])
        self.books.tlv = int(pool["total_locked_value"])
        self.pool = pool

    def on_sorted_set_update(self, event: Event) -> None:
        ((command, content),) = event.value[0].items()
        for name in CLOSE_SETS:
            if command == f"Add{name}":
                assert content[0] not in self.triggers[name], "1.8: once in each set"
                self.triggers[name].add(content[0])
            elif command == f"Remove{name}":
                self.triggers[name].discard(content[0])

    def _sequence(self, store: str, seq: int) -> None:
        assert seq > self.last_seq[store], f"I-16: {store} {seq} after {self.last_seq[store]}"
        self.last_seq[store] = seq

    # Checking.

    def _of(self, status: str, side: str | None = None) -> list[dict[str, Any]]:
        found = self.orders.values()
        return [o for o in found if o["order_status"] == status and side in (None, o["position_type"])]

    def _check_totals(self) -> None:
        for side, size, filled, pending in (
            (LONG, "total_long_positionsize", "total_long_btc", "total_pending_long_btc"),
            (SHORT, "total_short_positionsize", "total_short_btc", "total_pending_short_btc"),
        ):
            assert self.sizes[size] == float(sum(_value(o) * int(o["entryprice"]) for o in self._of("FILLED", side))), (
                "I-01"
            )
            assert self.risk.get(filled, 0.0) == float(sum(_value(o) for o in self._of("FILLED", side))), "I-02"
            assert self.risk.get(pending, 0.0) == float(sum(_value(o) for o in self._of("PENDING", side))), "I-02"
        both = sum(_value(o) * int(o["entryprice"]) for o in self._of("FILLED"))
        assert self.sizes["totalpositionsize"] == float(both), "I-01"

    def _check_accounts(self) -> None:
        for live in (self.orders, self.lenders):
            accounts = [order["account_id"] for order in live.values()]
            assert len(accounts) == len(set(accounts)), "I-04"

    def _check_triggers(self) -> None:
        """Fired triggers leave their set without a Remove of their own, with the order that they end."""
        for members in self.triggers.values():
            members.intersection_update(self.orders)
            assert all(self.orders[uuid]["order_status"] == "FILLED" for uuid in members), "I-03"

    def _check_conservation(self) -> None:
        books = self.books
        held = sum(int(order["initial_margin"]) for order in self._of("FILLED"))
        came = books.genesis + books.deposits + books.margins_in
        went = books.tlv + books.withdrawals + books.payouts + held
        told = abs(books.tlv) // 2**53  # only profile reference gets there: a pool that owes what nobody has
        assert abs(came - went) <= self.slack + told, f"I-11: {came} came in, {went} is or went"

    def _check_payment(self, content: list[Any]) -> None:
        order, payment, next_state = content[1], content[2], content[3]
        margin, tlv = int(order["initial_margin"]), self.books.tlv
        payout, change = int(order["available_margin"]), -rounded(payment)
        assert float(next_state["tlv"]) == float(max(0, tlv + change))
        slack = (0 if self.exact else 1) + abs(payout) // 2**53  # W-06; a double beyond 2^53 (90,071,992 BTC) has gaps
        assert abs(payout + change - margin) <= slack, "I-09"
        self.slack += slack
        if self.exact:
            assert payment == int(payment), "W-06"
            assert 0 <= payout <= margin + tlv + slack, "I-09"
        if order["order_status"] == "LIQUIDATE":
            assert change == margin, "I-10"

    def _check_open(self, order: dict[str, Any]) -> None:
        assert order["fee_filled"] >= 1, "I-12"
        assert order["available_margin"] == order["initial_margin"] - order["fee_filled"], "I-12"
        if order["order_type"] == "MARKET":
            assert _close(order["fee_filled"], max(1.0, _value(order) * self.fees[0] / 100)), "I-12"
        if order["order_type"] == "MARKET" or self.exact:
            long, short = self.risk["total_long_btc"], self.risk["total_short_btc"]
            assert long + short <= self.params["max_oi_mult"] * self.books.tlv, "I-18"
            side = 1 if order["position_type"] == LONG else -1
            net = long - short
            shrank = abs(net) < abs(net - side * _value(order))
            assert abs(net) <= self.params["max_net_mult"] * self.books.tlv or shrank or net * side < 0, "I-18"

    def _check_dilution(self, shares: float, amount: int, order: dict[str, Any]) -> None:
        """I-17: nobody's share loses value to another's deposit or withdrawal, but by the rounding of section 2."""
        tlv, tps = self.books.tlv - amount, int(self.pool["total_pool_share"] - shares)
        if self.exact:
            marked = self._net_asset_value() - amount
            if tps + shares > 0 and marked > 0:
                after = Fraction(marked + amount) / (tps + int(shares))
                assert after >= Fraction(marked) / tps, f"I-17, R19: {order['uuid']}"
            return
        price = tlv / tps
        moved = abs(self.books.tlv / (tps + shares) - price)
        assert moved <= (0.5 + 0.5 * price) / (tps + shares) * (1 + 1e-9), "I-17"

    def _net_asset_value(self) -> Fraction:
        value = Fraction(self.books.tlv)
        for order in self._of("FILLED"):
            size, worth = _value(order) * int(order["entryprice"]), Fraction(0)
            worth = Fraction(size, self.price)
            value -= _value(order) - worth if order["position_type"] == LONG else worth - _value(order)
            value -= rounded(order["available_margin"] - order["initial_margin"])
        return value

    def _check_gates(self, before: dict[str, Any], events: list[Event]) -> None:
        """I-19, but for cancels (R3) and what ticks do."""
        done = {event.value["order_status"] for event in events if event.kind == "TxHash" and event.value["request_id"]}
        caused = [event for event in events if "request_id" in (event.metadata or {})]
        if not caused:
            return
        if before.get("manual_halt"):
            assert all(status in REFUSED or status.startswith("Cancelled") for status in done), f"I-19: {done}"
        if before.get("manual_close_only"):
            entered = [event for event in caused if event.kind == "TraderOrder"]
            assert not [e for e in entered if e.value[0]["order_status"] in OPENED], "I-19"

    @staticmethod
    def _check_answered(command: Any, events: list[Event]) -> None:
        """A command that was answered before says nothing again (C7), every other has an answer of its own."""
        if not isinstance(command, dict) or not events:
            return
        ((_, content),) = command.items()
        request_id = content[-1] if content and isinstance(content[-1], str) else ""
        answers = [e for e in events if e.kind == "TxHash" and e.value["request_id"] == request_id]
        assert answers, f"I-22: {command}"

    def _check_nothing_left(self) -> None:
        """I-08: nothing that a price reached is left, but for positions that this very tick opened."""
        for order in self._of("FILLED"):
            reached, quote = _score(order["liquidation_price"]), _score(self.price)
            if order["uuid"] in self.fresh or reached == 0:
                continue
            assert reached < quote if order["position_type"] == LONG else reached > quote, "I-08"

    def _check_funding(self, events: list[Event], tlv: int, resting: list[Any], sizes: dict[str, float]) -> None:
        rate, price, _ = next(event.value for event in events if event.kind == "FundingRateUpdate")
        liquidated = any(event.kind == "TraderOrderLiquidation" for event in events)
        assert abs(rate) <= 0.125, "I-13"
        assert (rate > 0) == (sizes["total_long_positionsize"] > sizes["total_short_positionsize"]) or rate == 0, "I-13"
        assert price == self.price
        assert liquidated or (tlv == self.books.tlv and resting == self._of("PENDING")), "I-14"


class Books:
    """What came in and what went out, in whole sats."""

    def __init__(self) -> None:
        self.genesis = self.tlv = self.deposits = self.withdrawals = self.margins_in = self.payouts = 0


def _ignore(_auditor: Auditor, _event: Event) -> None:
    """Pass over the records that only tell of the others."""


_FOLDS: dict[str, Callable[[Auditor, Event], None]] = {
    "FeeUpdate": Auditor.on_fee_update,
    "RiskParamsUpdate": Auditor.on_risk_params_update,
    "RiskEngineUpdate": Auditor.on_risk_engine_update,
    "PositionSizeLogDBUpdate": Auditor.on_position_size_log_update,
    "CurrentPriceUpdate": Auditor.on_current_price_update,
    "TraderOrderLimitUpdate": Auditor.on_trader_order_limit_update,
    "TraderOrderFundingUpdate": Auditor.on_trader_order_funding_update,
    "LendOrder": Auditor.on_lend_order,
    "PoolUpdate": Auditor.on_pool_update,
    "SortedSetDBUpdate": Auditor.on_sorted_set_update,
    "TraderOrder": Auditor.on_trader_order,
    "TraderOrderUpdate": Auditor.on_trader_order,
    "TraderOrderLiquidation": Auditor.on_trader_order,
}


def _value(order: dict[str, Any]) -> int:
    return int(order["initial_margin"]) * int(order["leverage"])


def _score(price: float) -> int:
    return int(price * 10000)


def _close(one: float, other: float, scale: float = 1e-9) -> bool:
    return abs(one - other) <= scale * max(abs(one), abs(other), 1.0)


def _check_figures(order: dict[str, Any]) -> None:
    """I-05 and I-06: liquidation lies between entry and bankruptcy, and means what it says."""
    margin, kept, price = order["initial_margin"], order["maintenance_margin"], order["liquidation_price"]
    entry, broke, value = order["entryprice"], order["bankruptcy_price"], _value(order)
    gain: Callable[[float], float] = lambda at: unrealized_pnl(entry, at, order["positionsize"], order["position_type"])  # noqa: E731
    if broke > 0:
        assert abs(margin + gain(broke)) <= 1e-9 * value, "I-06"
    if not 0 < kept < margin or price == 0.0:
        return
    assert abs(margin + gain(price) - kept) <= 1e-9 * value, "I-06"
    slack = 1e-9 * entry
    if order["position_type"] == LONG:
        assert broke - slack < price < entry + slack, "I-05"
    elif order["leverage"] > 1:
        assert entry - slack < price < broke + slack, "I-05"
