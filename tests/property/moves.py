"""Random moves, turned into input lines by looking at the model: which orders live, where they trigger, what fits.

A move is a kind and a few small numbers; each choice takes the next number. So a scenario shrinks well (fewer moves,
smaller numbers), the same numbers give the same scenario, and a later move finds whatever the earlier ones left.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tests.model.arithmetic import iso
from tests.model.exchange import Model
from tests.model.orders import Trader

T = TypeVar("T")
Move = tuple[str, tuple[int, ...]]
NUMBERS = 8
HOUR_MS = 3_600_000
START_MS = 1_773_223_200_000
SETTLE_MESSAGE_BYTES = [0] * 32


class Table:
    """Sits between the moves and the lines: keeps the clock, gives names, remembers what was sent."""

    def __init__(self, model: Model) -> None:
        self.ledger = model.ledger
        self.now_ms = START_MS
        self.sent: list[dict[str, Any]] = []
        self._named = 0
        self._numbers: list[int] = []

    def line(self, move: Move) -> dict[str, Any]:
        """Return the input line of the move."""
        kind, numbers = move
        self._numbers = list(numbers)
        self.now_ms += self.pick((0, 0, 1, 250, 1000, 59_999, 600_000))
        line = _MOVES[kind](self)
        return {"now": iso(self.now_ms), **line}

    def pick(self, options: Sequence[T]) -> T:
        """Return the option that the next number names; the simplest stands first."""
        number = self._numbers.pop(0) if self._numbers else 0
        return options[number % len(options)]

    def fresh(self, prefix: str) -> str:
        self._named += 1
        return f"{prefix}{self._named}"

    def uuid(self) -> str:
        self._named += 1
        return f"00000000-0000-4000-8000-{self._named:012x}"

    # What there is to choose from.

    @property
    def price(self) -> int:
        return self.ledger.price or 65_000

    def order(self) -> Trader | None:
        """Return a live order, positions first, or None."""
        return self.pick([*self.ledger.filled(), *self.ledger.resting(), None])

    def interesting_prices(self) -> list[float]:
        """Return whole prices at, just below and just above everything that can happen."""
        marks = [float(self.price)]
        for order in self.ledger.traders.values():
            marks += [order.liquidation_price, order.bankruptcy_price, order.entryprice]
            marks += [trigger.price for trigger in order.triggers.values()]
        return [min(max(float(int(mark) + step), 1.0), 1e7) for mark in marks for step in (0, 1, -1)]

    # What is sent.

    def command(self, variant: str, *content: Any, payload: str = "00", **line: Any) -> dict[str, Any]:
        """Return the line of a command with a request id of its own."""
        request_id = f"REQID{self.uuid().replace('-', '').upper():0>64}"
        sent = {"command": {variant: [*content, {"metadata": {}}, payload, request_id]}, **line}
        self.sent.append(sent)
        return sent


def _tick(table: Table) -> dict[str, Any]:
    p = table.price
    far = table.pick([0, 1, 2, 3, 4, 5])
    prices = (
        [p, p + 1, p - 1, p * 1.001, p * 0.999, p + 0.5, p - 0.5],
        [p * 1.01, p * 0.99, p * 1.03, p * 0.97],
        table.interesting_prices(),
        table.interesting_prices(),
        [p * 1.3, p * 0.7, p * 2, p / 2],
        [65_000, 1, 10_000_000, 2, 0.5, 0.49, 0.2],
    )[far]
    price = float(table.pick(prices))
    status = table.pick(["HEALTHY"] * 12 + ["DEGRADED", "DEGRADED", "HOLD", "HALTED", "STARTING"])
    flags = table.pick([[]] * 8 + [["STEP_LIMITED"], ["DISPERSED"]])
    return {"tick": {"price": max(min(price, 1e7), 0.2), "status": status, "flags": flags}}


def _calm_tick(table: Table) -> dict[str, Any]:
    p = table.price
    steps = [0, 1, -1, p // 1000, -(p // 1000), p // 100, -(p // 100), p // 20, -(p // 20)]
    return {"tick": {"price": float(min(max(p + table.pick(steps), 1), 10_000_000))}}


def _limit_price(table: Table) -> float:
    p = table.price
    near = [p, p + 1, p - 1, p * 1.001, p * 0.999, p * 1.01, p * 0.99, p * 1.2, p * 0.8, p + 0.25, p + 0.00001]
    return min(max(float(table.pick([*near, 1, 0.01, 42_949_672.95])), 0.00001), 42_949_672.95)


def _legs(table: Table) -> dict[str, float | None]:
    sl, tp = _limit_price(table), _limit_price(table)
    return table.pick([{"sl": sl, "tp": tp}, {"sl": sl, "tp": None}, {"sl": None, "tp": tp}])


def _margin(table: Table, leverage: int) -> int:
    room = int(table.ledger.params["max_position_pct"] * table.ledger.tlv)
    fitting = max(room // leverage, 1)
    sizes = [100_000, 1000, 1, 2, 12_345, fitting, fitting + 1, fitting // 2 or 1, 2**49 // leverage]
    return min(table.pick(sizes), (2**50 - 1) // leverage)


def _account(table: Table) -> str:
    live = [order.account_id for order in table.ledger.traders.values()]
    fresh = table.fresh("trader-")
    return table.pick([fresh] * 12 + ["account_id"] + live[:2])


def _request(table: Table, **changes: Any) -> dict[str, Any]:
    leverage = table.pick([10, 1, 2, 5, 50, 3, 7, 25])
    return {
        "account_id": _account(table),
        "position_type": table.pick(["LONG", "SHORT"]),
        "order_type": table.pick(["MARKET", "MARKET", "LIMIT"]),
        "leverage": float(leverage),
        "initial_margin": float(_margin(table, leverage)),
        "available_margin": 0.0,
        "order_status": "FILLED",
        "entryprice": _limit_price(table),
        "execution_price": 1.5,
        **changes,
    }


def _open(table: Table) -> dict[str, Any]:
    return table.command("CreateTraderOrder", _request(table), uuid=table.uuid())


def _rest(table: Table) -> dict[str, Any]:
    """Rest an open near the price, of a size that fills the room that the limits leave, or half of it."""
    side = table.pick(["LONG", "SHORT"])
    away = table.pick([1, 2, 1, max(table.price // 1000, 1), max(table.price // 100, 1)])
    limit = table.price - away if side == "LONG" else table.price + away
    leverage = table.pick([10, 1, 50])
    room = int(_room(table, side) * table.pick([1.0, 0.5, 0.3, 1.0]))
    request = _request(table, position_type=side, order_type="LIMIT", entryprice=float(max(limit, 1)))
    request |= {"leverage": float(leverage), "initial_margin": float(max(room // leverage, 1))}
    return table.command("CreateTraderOrder", request, uuid=table.uuid())


def _room(table: Table, side: str) -> float:
    """Return the largest value that the limits of 2.15 leave for this side."""
    params, ledger = table.ledger.params, table.ledger
    long, short = ledger.exposure["LONG"], ledger.exposure["SHORT"]
    net = long - short if side == "LONG" else short - long
    open_interest = params["max_oi_mult"] * ledger.tlv - long - short
    rooms = (params["max_position_pct"] * ledger.tlv, open_interest, params["max_net_mult"] * ledger.tlv - net)
    return min(max(min(rooms), 1), 2**50 - 1)


def _open_with_legs(table: Table) -> dict[str, Any]:
    request = _request(table)
    legs = table.pick([_legs(table), _legs(table), _legs(table), None])
    message = None if legs is None else settle_message(request["account_id"])
    return table.command("CreateTraderOrderSlTp", request, legs, message, uuid=table.uuid())


def settle_message(owner: str) -> dict[str, Any]:
    """Return a settle message in its JSON form; what it commits to is of no account with the chain disabled."""
    closed = {"Closed": SETTLE_MESSAGE_BYTES}
    memo = {"script_address": "18", "owner": owner, "commitment": closed, "data": None, "timebounds": 0}
    return {"output": {"out_type": "Memo", "output": {"Memo": memo}}, "signature": [0] * 64}


_WRONG: list[dict[str, Any]] = [
    {"initial_margin": 0.0},
    {"initial_margin": -5.0},
    {"initial_margin": 0.5},
    {"initial_margin": 1e300},
    {"initial_margin": 2.0**50},
    {"leverage": 0.0},
    {"leverage": 0.5},
    {"leverage": 51.0},
    {"leverage": 1.5},
    {"leverage": -1.0},
    {"order_type": "DARK"},
    {"order_type": "SLTP"},
    {"order_type": "LEND"},
    {"order_type": "LIMIT", "entryprice": 0.0, "position_type": "LONG"},
    {"order_type": "LIMIT", "entryprice": 42_949_673.0, "position_type": "SHORT"},
]


def _wrong_open(table: Table) -> dict[str, Any]:
    change = table.pick(_WRONG)
    return table.command("CreateTraderOrder", _request(table, **change), uuid=table.uuid())


def _wrong_legs(table: Table) -> dict[str, Any]:
    legs = table.pick([{"sl": -1.0, "tp": None}, {"sl": None, "tp": 0.0}, {"sl": 5e7, "tp": 70_000.0}])
    request = _request(table)
    message = table.pick([settle_message(request["account_id"]), None])
    return table.command("CreateTraderOrderSlTp", request, legs, message, uuid=table.uuid())


def _old_command(table: Table) -> dict[str, Any]:
    """An order that waited for a minute, and one that waited a little longer."""
    broker_ts = iso(table.now_ms - table.pick([60_000, 60_001, 59_999, 3_600_000]))
    order = table.order()
    if order is None:
        return table.command("CreateTraderOrder", _request(table), uuid=table.uuid(), broker_ts=broker_ts)
    return table.command("ExecuteTraderOrder", _close_request(table, order, "MARKET"), broker_ts=broker_ts)


def _close_request(table: Table, order: Trader | None, mode: str, price: float = 0.0) -> dict[str, Any]:
    owner = order.account_id if order else "nobody"
    return {
        "account_id": table.pick([owner] * 9 + ["stranger"]),
        "uuid": order.uuid if order else table.uuid(),
        "order_type": mode,
        "settle_margin": 0.0,
        "order_status": "FILLED",
        "execution_price": price,
    }


def _close(table: Table) -> dict[str, Any]:
    request = _close_request(table, table.order(), table.pick(["MARKET"] * 9 + ["SLTP", "DARK", "LEND"]))
    return table.command("ExecuteTraderOrder", request)


def _close_at_limit(table: Table) -> dict[str, Any]:
    order = table.order()
    price = table.pick([_limit_price(table)] * 9 + [0.0, 5e7])
    request = _close_request(table, order, "LIMIT", price)
    if table.pick([True, True, False]):
        return table.command("ExecuteTraderOrder", request)
    return table.command("ExecuteTraderOrderSlTp", request, table.pick([None, {"sl": 1.0, "tp": None}]))


def _set_legs(table: Table) -> dict[str, Any]:
    order = table.order()
    legs = table.pick([_legs(table)] * 9 + [None, {"sl": None, "tp": None}, {"sl": -1.0, "tp": 5.0}])
    return table.command("ExecuteTraderOrderSlTp", _close_request(table, order, "SLTP"), legs)


def _cancel(table: Table) -> dict[str, Any]:
    order = table.order()
    mode = table.pick(["LIMIT", "SLTP", "MARKET"])
    request = {name: _close_request(table, order, mode)[name] for name in ("account_id", "uuid", "order_type")}
    request["order_status"] = "CANCELLED"
    if table.pick([True, False]):
        return table.command("CancelTraderOrder", request)
    flags = table.pick([(True, True), (True, False), (False, True), (False, False)])
    return table.command("CancelTraderOrderSlTp", request, {"sl": flags[0], "tp": flags[1]})


def _lend(table: Table) -> dict[str, Any]:
    share = max(table.ledger.tlv // max(table.ledger.tps, 1), 1)
    live = [lender.account_id for lender in table.ledger.lenders.values()]
    fresh = table.fresh("lender-")
    amounts = [1_000_000, share, share - 1, share + 1, 1, 777_777, 200_000_499, 0, -1, 0.5, 2**50 - 1, 2**50, 2**49]
    request = {
        "account_id": table.pick([fresh] * 6 + live[:2]),
        "balance": 5.0,
        "order_type": "LEND",
        "order_status": "FILLED",
        "deposit": float(table.pick(amounts)),
    }
    return table.command("CreateLendOrder", request, uuid=table.uuid())


def _withdraw(table: Table) -> dict[str, Any]:
    lender = table.pick([*table.ledger.lenders.values(), None])
    if lender:
        table.now_ms = max(table.now_ms, lender.deposited_ms + table.pick([0, HOUR_MS, HOUR_MS - 1]))
    owner = lender.account_id if lender else "nobody"
    request = {
        "account_id": table.pick([owner] * 9 + ["stranger"]),
        "uuid": lender.uuid if lender else table.uuid(),
        "order_type": "LEND",
        "settle_withdraw": 0.0,
        "order_status": "FILLED",
        "poolshare_price": 0.0,
    }
    return table.command("ExecuteLendOrder", request)


def _fund(table: Table) -> dict[str, Any]:
    if table.pick([True, True, True, False]):
        table.now_ms = (table.now_ms // HOUR_MS + 1) * HOUR_MS
    return {"funding_hour": table.now_ms // HOUR_MS}


def _halt(table: Table) -> dict[str, Any]:
    params: dict[str, Any] = {"enabled": table.pick([False, False, True])}
    for name in ("pause_funding", "pause_price_feed"):
        if table.pick([False, True]):
            params[name] = table.pick([False, True])
    for name in ("cancel_pending_limit_orders", "cancel_settling_limit_orders"):
        if table.pick([False, True, True]):
            params[name] = True
    return _admin("SetMarketHalt", params)


def _end_halt(table: Table) -> dict[str, Any]:
    paused = {name: False for name in ("pause_funding", "pause_price_feed") if table.ledger.switches[name]}
    return _admin("SetMarketHalt", {"enabled": False, **paused})


def _close_only(table: Table) -> dict[str, Any]:
    return _admin("SetMarketCloseOnly", {"enabled": table.pick([False, False, True])})


def _recalculate(_table: Table) -> dict[str, Any]:
    return _admin("RecalculateRiskState", {})


def _fees(table: Table) -> dict[str, Any]:
    names = ("filled_on_market", "filled_on_limit", "settled_on_market", "settled_on_limit")
    percents = table.pick(
        [(0.04, 0.02, 0.04, 0.02), (0, 0, 0, 0), (10, 5, 1, 0.3), (0.1, 0.2, 0.3, 10.5), (-1, 0, 0, 0)]
    )
    return _admin("UpdateFees", {f"order_{name}": float(value) for name, value in zip(names, percents, strict=True)})


_WIDE = {"max_oi_mult": 1e6, "max_net_mult": 1e6, "max_position_pct": 1e6}
_PARAMS: list[dict[str, float]] = [
    {"max_oi_mult": 4.0, "max_net_mult": 0.8, "max_position_pct": 0.02, "min_position_btc": 0.0, "max_leverage": 50.0},
    _WIDE,
    _WIDE,
    {"max_position_pct": 0.5},
    {"max_oi_mult": 0.05, "max_position_pct": 0.02},
    {"max_net_mult": 0.01, "max_position_pct": 0.02},
    {"max_net_mult": 0.02, "max_position_pct": 0.02},
    {"max_leverage": 10.0},
    {"max_leverage": 0.0},
    {"min_position_btc": 50_000.0},
    {"mm_ratio": 0.25},
    {"mm_ratio": 100.0},
    {"mm_ratio": 0.4},
    {"mm_ratio": 0.2},
    {"max_oi_mult": -1.0},
    {},
]


def _params(table: Table) -> dict[str, Any]:
    return _admin("UpdateRiskParams", dict(table.pick(_PARAMS)))


def _admin(method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"admin": {"method": method, "params": params}}


def _again(table: Table) -> dict[str, Any]:
    """Send a command that was sent before, with the same request id."""
    return table.pick(table.sent) if table.sent else _calm_tick(table)


def _no_command(table: Table) -> dict[str, Any]:
    request_id = f"REQID{table.uuid().replace('-', '').upper():0>64}"
    values: list[Any] = [7, "text", {"Unknown": []}, {"CreateTraderOrder": [request_id]}, [request_id], None]
    return {"command": table.pick(values)}


_MOVES: dict[str, Callable[[Table], dict[str, Any]]] = {
    "calm tick": _calm_tick,
    "tick": _tick,
    "open": _open,
    "rest": _rest,
    "open with legs": _open_with_legs,
    "wrong open": _wrong_open,
    "wrong legs": _wrong_legs,
    "old command": _old_command,
    "close": _close,
    "close at limit": _close_at_limit,
    "set legs": _set_legs,
    "cancel": _cancel,
    "lend": _lend,
    "withdraw": _withdraw,
    "fund": _fund,
    "halt": _halt,
    "end halt": _end_halt,
    "close only": _close_only,
    "recalculate": _recalculate,
    "fees": _fees,
    "params": _params,
    "again": _again,
    "no command": _no_command,
}

WEIGHTS = {
    "calm tick": 16,
    "tick": 5,
    "open": 16,
    "rest": 8,
    "open with legs": 6,
    "wrong open": 1,
    "wrong legs": 1,
    "old command": 1,
    "close": 4,
    "close at limit": 6,
    "set legs": 6,
    "cancel": 5,
    "lend": 4,
    "withdraw": 4,
    "fund": 5,
    "halt": 1,
    "end halt": 3,
    "close only": 1,
    "recalculate": 1,
    "fees": 1,
    "params": 2,
    "again": 1,
    "no command": 1,
}
KINDS = [kind for kind, weight in WEIGHTS.items() for _ in range(weight)]
GENESES = ((200_000_000, 200_000), (1_000_000, 1000), (10_000, 10_000), (100, 1), (1, 1), (2**52, 10**9), (3, 7))
