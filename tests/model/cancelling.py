"""Cancels, which are always allowed (3.6, R3)."""

from typing import Any

from tests.model.closing import DROPPED, REMOVE
from tests.model.expected import ANYTHING, SOME_TEXT
from tests.model.ledger import Ledger
from tests.model.orders import CANCELLED, PENDING, Trader

_CANCELLED_OPEN = 'tx_hash_result-"Order successfully cancelled !!"'
_CANCELLED_LEG = {
    "limit": 'tx_hash_result-"Close limit order successfully cancelled !!"',
    "sl": 'tx_hash_result-"Stoploss order successfully cancelled !!"',
    "tp": 'tx_hash_result-"Takeprofit order successfully cancelled !!"',
}


def cancel(ledger: Ledger, command: Any) -> None:
    """Carry out CancelTraderOrder and CancelTraderOrderSlTp."""
    ((variant, content),) = command.items()
    request = content[0]
    order = ledger.traders.get(request["uuid"])
    mode = request["order_type"]

    def refuse(agg_id: Any = ANYTHING) -> None:
        ledger.answer(request["uuid"], request["account_id"], mode, "OrderNotFound", reason=SOME_TEXT, agg_id=agg_id)

    if order is None or order.account_id != request["account_id"]:
        return refuse()
    if variant == "CancelTraderOrderSlTp" and mode == "SLTP":
        flags = [leg for leg in ("sl", "tp") if content[1][leg]]
        return _cancel_legs(ledger, order, flags) if flags else refuse()
    if variant == "CancelTraderOrderSlTp" and (mode != "LIMIT" or order.order_status != PENDING):
        return refuse()
    if order.order_status == PENDING:
        cancel_open(ledger, order, command, mode)
        return None
    if "limit" not in order.triggers:
        return refuse("close_limit_order_not_found")
    return _cancel_close_limit(ledger, order, mode)


def cancel_open(ledger: Ledger, order: Trader, command: Any, mode: Any) -> None:
    """Take a resting open out of the books."""
    del ledger.traders[order.uuid]
    ledger.add_pending_exposure(order, -order.value)
    ledger.sorted_set(f"RemoveOpenLimitPrice-{order.uuid}", "RemoveOpenLimitPrice", order.uuid, order.position_type)
    gone = order.wire(order_status=CANCELLED, timestamp=ANYTHING)
    ledger.trader_event("TraderOrder", "remove_order", gone, command)
    ledger.answer(order.uuid, order.account_id, mode, CANCELLED, agg_id=_CANCELLED_OPEN)


def _cancel_close_limit(ledger: Ledger, order: Trader, mode: str) -> None:
    del order.triggers["limit"]
    remove_leg(ledger, order, "limit")
    ledger.answer(order.uuid, order.account_id, mode, DROPPED["limit"], agg_id=_CANCELLED_LEG["limit"])


def _cancel_legs(ledger: Ledger, order: Trader, legs: list[str]) -> None:
    """Both removals come before both answers; each leg is answered by itself."""
    dropped = {leg: order.triggers.pop(leg) for leg in legs if leg in order.triggers}
    for leg in dropped:
        remove_leg(ledger, order, leg)
    for leg in legs:
        if leg in dropped:
            old_price = dropped[leg].shown_price
            agg_id = _CANCELLED_LEG[leg]
            ledger.answer(order.uuid, order.account_id, "SLTP", DROPPED[leg], old_price=old_price, agg_id=agg_id)
        else:
            ledger.answer(order.uuid, order.account_id, "SLTP", "OrderNotFound", reason=SOME_TEXT)


def remove_leg(ledger: Ledger, order: Trader, leg: str) -> None:
    ledger.sorted_set(f"{REMOVE[leg]}-{order.uuid}", REMOVE[leg], order.uuid, order.position_type)
