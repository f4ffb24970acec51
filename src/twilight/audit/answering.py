"""Whether the answers of one command are the ones that it must have (engine specification 3, 4 and 8).

Exactly one answer is terminal; a request about stop loss and take profit answers for each leg that it names.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from twilight.wire.commands import RpcCommand

_REFUSED = frozenset(
    {
        "CANCELLED",
        "DuplicateOrder",
        "UtxoError",
        "Error",
        "NoResponseFromChain",
        "RejectedFromChain",
        "BincodeError",
        "HexCodeError",
        "SerializationError",
        "OrderNotFound",
        "RejectedByRiskEngine",
    },
)
"""One of these alone refuses the whole request; a cancelled open is told by the same word."""
DROPPED = frozenset({"CancelledLimitClose", "CancelledStopLoss", "CancelledTakeProfit"})
"""Triggers that went with a position, told beside its SETTLED."""
_DONE: dict[str, frozenset[str]] = {
    "CreateTraderOrder": frozenset({"FILLED", "PENDING"}),
    "ExecuteTraderOrder": frozenset({"LimitPriceAdded", "LimitPriceUpdated"}),
    "CancelTraderOrder": frozenset({"CancelledLimitClose"}),
    "CreateLendOrder": frozenset({"FILLED"}),
    "ExecuteLendOrder": frozenset({"SETTLED"}),
}
_STOP_LOSS_SET = frozenset({"StopLossAdded", "StopLossUpdated"})
_TAKE_PROFIT_SET = frozenset({"TakeProfitAdded", "TakeProfitUpdated"})
_STOP_LOSS_GONE = frozenset({"CancelledStopLoss", "OrderNotFound"})
_TAKE_PROFIT_GONE = frozenset({"CancelledTakeProfit", "OrderNotFound"})


def are_right(command: RpcCommand | None, statuses: Sequence[str]) -> bool:
    """Return whether these are all the answers of a command; None is a record that is no command."""
    if command is None:
        return list(statuses) == ["SerializationError"]
    rule = _RULES.get(command.kind, _plain)
    return _one_of(statuses, _REFUSED) or rule(command, statuses)


def _one_of(statuses: Sequence[str], allowed: frozenset[str]) -> bool:
    return len(statuses) == 1 and statuses[0] in allowed


def _settled(statuses: Sequence[str]) -> bool:
    """Return whether the position was closed once, each of its triggers dropped at most once."""
    counts = Counter(statuses)
    return counts.pop("SETTLED", 0) == 1 and all(s in DROPPED and count == 1 for s, count in counts.items())


def _plain(command: RpcCommand, statuses: Sequence[str]) -> bool:
    return _one_of(statuses, _DONE.get(command.kind, frozenset()))


def _closed(command: RpcCommand, statuses: Sequence[str]) -> bool:
    """A close settles at once, or sets the triggers that it names."""
    if _settled(statuses):
        return True
    order_type = command.value.order.order_type  # type: ignore[attr-defined]  # a request to execute
    if order_type == "SLTP":
        return _each_once(statuses, _named(command, _STOP_LOSS_SET, _TAKE_PROFIT_SET))
    return _one_of(statuses, _DONE["ExecuteTraderOrder"])


def _legs_cancelled(command: RpcCommand, statuses: Sequence[str]) -> bool:
    return _each_once(statuses, _named(command, _STOP_LOSS_GONE, _TAKE_PROFIT_GONE))


def _opened_with_legs(command: RpcCommand, statuses: Sequence[str]) -> bool:
    """An open that fills at once sets its legs in the same step, or is closed by one of them (decisions R8)."""
    first, *rest = statuses
    if first == "PENDING":
        return not rest
    if first != "FILLED":
        return False
    legs = _named(command, _STOP_LOSS_SET, _TAKE_PROFIT_SET)
    return _settled(rest) or _each_once(rest, legs) or (bool(legs) and _one_of(rest, _REFUSED))


def _named(command: RpcCommand, stop_loss: frozenset[str], take_profit: frozenset[str]) -> list[frozenset[str]]:
    """Return what may answer each leg that the request names."""
    sltp = getattr(command.value, "sltp", None)
    legs = ((getattr(sltp, "sl", None), stop_loss), (getattr(sltp, "tp", None), take_profit))
    return [allowed for leg, allowed in legs if leg is not None and leg is not False]


def _each_once(statuses: Sequence[str], legs: Sequence[frozenset[str]]) -> bool:
    """Return whether every leg has an answer of its own and no answer is left over; the stop loss comes first."""
    return len(statuses) == len(legs) and all(s in allowed for s, allowed in zip(statuses, legs, strict=True))


_RULES: dict[str, Callable[[RpcCommand, Sequence[str]], bool]] = {
    "CreateTraderOrderSlTp": _opened_with_legs,
    "ExecuteTraderOrder": _closed,
    "ExecuteTraderOrderSlTp": _closed,
    "CancelTraderOrderSlTp": _legs_cancelled,
}
