"""What an administrator may change (section 11, R23, R26, R31)."""

import math
from collections.abc import Callable
from typing import Any

from tests.model import cancelling
from tests.model.closing import DROPPED, LEGS, REMOVE
from tests.model.expected import ANYTHING
from tests.model.ledger import FEE_NAMES, STARTING, Ledger

FEE_PARAMS = (
    "order_filled_on_market",
    "order_filled_on_limit",
    "order_settled_on_market",
    "order_settled_on_limit",
)
_HALT_AGG = {
    "limit": "HaltRemoveCloseLimitPrice",
    "sl": "HaltRemoveSLCloseLIMITPrice",
    "tp": "HaltRemoveTPCloseLIMITPrice",
}


class RefusedCall(Exception):
    """The call is answered with an error and changes nothing (R31)."""


def call(ledger: Ledger, method: str, params: dict[str, Any]) -> None:
    """Carry out one call; raises `RefusedCall`."""
    _CALLS[method](ledger, params)


def _update_fees(ledger: Ledger, params: dict[str, Any]) -> None:
    percents = [params[name] for name in FEE_PARAMS]
    if not all(0 <= percent <= 10 for percent in percents):
        raise RefusedCall(str(params))
    ledger.fees = dict(zip(FEE_NAMES, percents, strict=True))
    ledger.emit("FeeUpdate", f"FeeUpdate-{ledger.now}", [{"UpdateFees": percents}, ledger.now])


def _update_params(ledger: Ledger, params: dict[str, Any]) -> None:
    if not all(math.isfinite(value) and value >= 0 for value in params.values()):
        raise RefusedCall(str(params))
    if not 0.25 <= params.get("mm_ratio", 0.4) <= 100:
        raise RefusedCall(str(params))
    ledger.params = {**ledger.params, **params}
    ledger.emit("RiskParamsUpdate", "UpdateRiskParams", dict(ledger.params))


def _set_halt(ledger: Ledger, params: dict[str, Any]) -> None:
    enabled = params["enabled"]
    ledger.switch("manual_halt", "SetManualHalt", on=enabled)
    for name, command in (("pause_funding", "SetPauseFunding"), ("pause_price_feed", "SetPausePriceFeed")):
        if params.get(name) is enabled:
            _pause(ledger, name, command, on=enabled)
    if enabled and params.get("cancel_pending_limit_orders"):
        _cancel_resting(ledger)
    if enabled and params.get("cancel_settling_limit_orders"):
        _cancel_triggers(ledger)


def _pause(ledger: Ledger, name: str, command: str, *, on: bool) -> None:
    if name == "pause_price_feed" and ledger.switches[name] and not on:
        ledger.feed = STARTING
    ledger.switch(name, command, on=on)


def _cancel_resting(ledger: Ledger) -> None:
    for order in ledger.resting():
        request = {
            "account_id": order.account_id,
            "uuid": order.uuid,
            "order_type": ANYTHING,
            "order_status": ANYTHING,
        }
        command = {"CancelTraderOrder": [request, {"metadata": {"reason": "Halt"}}, "", ""]}
        cancelling.cancel_open(ledger, order, command, ANYTHING)


def _cancel_triggers(ledger: Ledger) -> None:
    for order in ledger.filled():
        for leg in LEGS:
            if order.triggers.pop(leg, None):
                agg_id = f"{_HALT_AGG[leg]}-{order.uuid}"
                ledger.sorted_set(agg_id, REMOVE[leg], order.uuid, order.position_type)
                ledger.answer(order.uuid, order.account_id, ANYTHING, DROPPED[leg], old_price=ANYTHING)


def _set_close_only(ledger: Ledger, params: dict[str, Any]) -> None:
    ledger.switch("manual_close_only", "SetManualCloseOnly", on=params["enabled"])


def _recalculate(ledger: Ledger, _params: dict[str, Any]) -> None:
    ledger.check_totals()
    ledger.emit("RiskEngineUpdate", "RecalculateRiskExposure", ["RecalculateExposure", ledger.risk_state()])


_CALLS: dict[str, Callable[[Ledger, dict[str, Any]], None]] = {
    "UpdateFees": _update_fees,
    "UpdateRiskParams": _update_params,
    "SetMarketHalt": _set_halt,
    "SetMarketCloseOnly": _set_close_only,
    "RecalculateRiskState": _recalculate,
}
