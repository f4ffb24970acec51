"""How positions end: close requests, triggers, liquidation; and how triggers are set (3.3 to 3.5, 3.7, 3.8)."""

from typing import Any, NamedTuple

from tests.model import formulas, gate
from tests.model.arithmetic import rounded
from tests.model.expected import ANYTHING, SOME_TEXT, Code
from tests.model.formulas import LONG
from tests.model.ledger import Ledger
from tests.model.orders import CANCELLED, FILLED, LIQUIDATE, SETTLED, Trader, Trigger

LEGS = ("limit", "sl", "tp")
ADD = {"limit": "AddCloseLimitPrice", "sl": "AddStopLossCloseLIMITPrice", "tp": "AddTakeProfitCloseLIMITPrice"}
UPDATE = {leg: name.replace("Add", "Update", 1) for leg, name in ADD.items()}
REMOVE = {leg: name.replace("Add", "Remove", 1) for leg, name in ADD.items()}
ADDED = {"limit": "LimitPriceAdded", "sl": "StopLossAdded", "tp": "TakeProfitAdded"}
UPDATED = {leg: name.replace("Added", "Updated") for leg, name in ADDED.items()}
DROPPED = {"limit": "CancelledLimitClose", "sl": "CancelledStopLoss", "tp": "CancelledTakeProfit"}
TRIGGER_KIND = {"limit": "LIMIT", "sl": "Stoploss", "tp": "Takeprofit"}


class Ending(NamedTuple):
    """Why a position ends: what differs between the event lists of 3.4, 3.5, 3.7 and 3.8."""

    answer_kind: str
    answer_type: str
    request_id: str
    dropped_type: str
    fired: str | None = None
    by_funding: bool = False


def execute(ledger: Ledger, command: Any, broker_ms: int | None) -> None:  # noqa: PLR0911 - one return for each check, in the specification's order
    """Carry out ExecuteTraderOrder and ExecuteTraderOrderSlTp."""
    ((variant, content),) = command.items()
    request = content[0]
    mode = request["order_type"]
    legs = (content[1] or {}) if variant == "ExecuteTraderOrderSlTp" and mode == "SLTP" else {}

    def refuse(status: str, reason: Any, agg_id: Any = ANYTHING) -> None:
        ledger.answer(request["uuid"], request["account_id"], mode, status, reason=reason, agg_id=agg_id)

    prices = [request["execution_price"]] if mode == "LIMIT" else [legs[leg] for leg in legs if legs[leg] is not None]
    if not all(gate.right_price(price) for price in prices):
        return refuse(CANCELLED, SOME_TEXT, "tx_wrong_parameter_error")
    refusal = gate.too_old(ledger, broker_ms) or gate.close_refusal(ledger)
    if refusal:
        return refuse("RejectedByRiskEngine", Code(refusal))
    order = ledger.traders.get(request["uuid"])
    if order is None or order.order_status != FILLED or order.account_id != request["account_id"]:
        return refuse("OrderNotFound", SOME_TEXT, "trader_tx_not_found_error")
    if mode not in ("MARKET", "LIMIT", "SLTP"):
        return refuse("OrderNotFound", SOME_TEXT)
    if mode == "SLTP" and not prices:
        return refuse(CANCELLED, SOME_TEXT)
    if mode == "SLTP":
        return close_or_set(ledger, order, {leg: legs.get(leg) for leg in ("sl", "tp")}, command)
    if mode == "LIMIT":
        return close_or_set(ledger, order, {"limit": request["execution_price"]}, command)
    return settle_by_request(ledger, order, command, "FilledOnMarket")


def holds(leg: str, price: float, side: str, current: float) -> bool:
    """Say whether the closing condition is met at the current price (3.3)."""
    above_is_met = (leg == "sl") == (side == LONG)
    return price >= current if above_is_met else price <= current


def close_or_set(ledger: Ledger, order: Trader, prices: dict[str, float | None], command: Any) -> None:
    """Settle at once, and once, if any condition holds; otherwise set or replace the triggers given."""
    assert ledger.price is not None
    given = {leg: price for leg, price in prices.items() if price is not None}
    if any(holds(leg, price, order.position_type, ledger.price) for leg, price in given.items()):
        return settle_by_request(ledger, order, command, "FilledOnLimit" if "limit" in given else "FilledOnMarket")
    for leg, price in given.items():
        _set_trigger(ledger, order, leg, price)
    return ledger.trader_event("TraderOrderLimitUpdate", "settle_limit_order", order.wire(), command)


def _set_trigger(ledger: Ledger, order: Trader, leg: str, price: float) -> None:
    old = order.triggers.get(leg)
    order.triggers[leg] = Trigger(price, ledger.request_id, ledger.next_stamp())
    command = (ADD if old is None else UPDATE)[leg]
    agg_id = f"{'AddCloseLimitPrice' if old is None else 'UpdateCloseLimitPrice'}-{order.uuid}"
    ledger.sorted_set(agg_id, command, order.uuid, price, order.position_type)
    status = (ADDED if old is None else UPDATED)[leg]
    ledger.answer(
        order.uuid,
        order.account_id,
        "LIMIT" if leg == "limit" else "SLTP",
        status,
        agg_id=f"{command if old is None else status}-{order.uuid}",
        old_price=old.shown_price if old else None,
        new_price=price,
    )


def take_up_legs(ledger: Ledger, order: Trader) -> None:
    """Set the legs that came with the create, now that there is a position, as if they were asked for now (R8)."""
    legs, order.triggers = order.triggers, {}
    if not legs:
        return
    prices = {leg: legs[leg].price if leg in legs else None for leg in ("sl", "tp")}
    request = {
        "account_id": order.account_id,
        "uuid": order.uuid,
        "order_type": "SLTP",
        "settle_margin": ANYTHING,
        "order_status": ANYTHING,
        "execution_price": ANYTHING,
    }
    command = {"ExecuteTraderOrderSlTp": [request, prices, ANYTHING, ANYTHING, order.request_id]}
    caused_by, ledger.request_id = ledger.request_id, order.request_id
    first = len(ledger.events)
    close_or_set(ledger, order, prices, command)
    ledger.request_id = caused_by
    if not caused_by:
        ledger.events[first:] = [event._replace(metadata=ANYTHING) for event in ledger.events[first:]]


def settle_by_request(ledger: Ledger, order: Trader, command: Any, reference_fee: str) -> None:
    """3.4."""
    fee_name = "SettledOnMarket" if ledger.rules.settled_fees else reference_fee
    ending = Ending("TxHash", "MARKET", ledger.request_id, "MARKET")
    pool_command = {"AddTraderOrderSettlement": [command]}
    _settle(ledger, order, fee_name, ending, pool_command, command)


def settle_by_trigger(ledger: Ledger, order: Trader, leg: str) -> None:
    """3.5."""
    kind = TRIGGER_KIND[leg]
    trigger = order.triggers[leg]
    fee_name = (
        ("SettledOnLimit" if leg == "limit" else "SettledOnMarket") if ledger.rules.settled_fees else "FilledOnMarket"
    )
    ending = Ending("TxHashUpdate", kind, trigger.request_id, kind, fired=leg)
    pool_command = {
        "AddTraderLimitOrderSettlement": [{"PriceTickerOrderSettle": [[order.uuid], ledger.meta(), ledger.price, kind]}]
    }
    inner = order.wire(**dict.fromkeys(("order_status", "timestamp", "exit_nonce", "available_margin"), ANYTHING))
    inner |= dict.fromkeys(("unrealized_pnl", "settlement_price", "fee_settled"), ANYTHING)
    command = {"RelayerCommandTraderOrderSettleOnLimit": [inner, ledger.meta(), ledger.price]}
    _settle(ledger, order, fee_name, ending, pool_command, command)


def _settle(
    ledger: Ledger, order: Trader, fee_name: str, ending: Ending, pool_command: dict[str, list[Any]], command: Any
) -> None:
    assert ledger.price is not None
    price = float(ledger.price)
    fee = formulas.fee_sats(ledger.fees[fee_name], order.positionsize, price)
    gain = rounded(formulas.unrealized_pnl(order.entryprice, price, order.positionsize, order.position_type))
    payment, shortfall = payment_of(ledger, order, gain, fee)
    ended = {
        "order_status": SETTLED,
        "available_margin": rounded(order.initial_margin + payment),
        "unrealized_pnl": gain,
        "settlement_price": price,
        "fee_settled": fee,
    }
    _end(ledger, order, payment, ended, ending, pool_command, ("TraderOrder", command), shortfall)


def payment_of(ledger: Ledger, order: Trader, gain: int, fee: float) -> tuple[float, int]:
    """Return what the pool pays (2.9, W-04, W-05, W-06) and what it would have had to pay beyond what it has."""
    payment: float = gain + order.accrued - fee
    if ledger.rules.whole_payments:
        payment = rounded(payment)
    if not ledger.rules.capped_payments:
        return payment, 0
    owed = max(payment, -int(order.initial_margin))
    payment = min(owed, max(ledger.tlv, 0))
    return payment, int(owed - payment)


def liquidate(ledger: Ledger, order: Trader, funding: dict[str, str] | None = None) -> None:
    """3.7; and 3.8 as R25 has it, with what funding tells in its metadata (1.9)."""
    ended = {
        "order_status": LIQUIDATE,
        "available_margin": 0.0,
        "settlement_price": ledger.price,
        "liquidation_price": ledger.price,
    }
    cause = {"PriceTickerLiquidation": [[order.uuid], ledger.meta(**(funding or {})), ledger.price]}
    ending = Ending("TxHashUpdate", order.order_type, "", order.order_type, by_funding=funding is not None)
    pool_command = {"AddTraderOrderLiquidation": [cause]}
    _end(ledger, order, -order.initial_margin, ended, ending, pool_command, ("TraderOrderLiquidation", cause), 0)


def _end(
    ledger: Ledger,
    order: Trader,
    payment: float,
    ended: dict[str, Any],
    ending: Ending,
    pool_command: dict[str, list[Any]],
    trader_event: tuple[str, Any],
    shortfall: int,
) -> None:
    """Emit the list of 3.4 and take the order out of the books."""
    del ledger.traders[order.uuid]
    ledger.add_size(order, -1)
    ledger.add_exposure(order, -order.value)
    if ending.by_funding:
        agg_id = f"RemoveLiquidationPrice-{order.uuid}"
        ledger.sorted_set(agg_id, "RemoveLiquidationPrice", order.uuid, order.position_type)
    for leg in LEGS:
        if leg in order.triggers and leg != ending.fired:
            _drop_trigger(ledger, order, leg, ending)
    ((pool_name, cause),) = pool_command.items()
    tlv_after = ledger.tlv - rounded(payment)
    next_state = ledger.state_output(ledger.nonce + 1, tlv_after)
    adding = {pool_name: [*cause, order.wire(**ended), payment, next_state]}
    agg_id = f"{pool_name}-{order.uuid}" if pool_name == "AddTraderOrderLiquidation" else pool_name
    metadata = {"shortfall_sats": str(shortfall)} if shortfall else {}
    ledger.pool_event(agg_id, adding, [(adding, payment)], **metadata)
    kind, command = trader_event
    gone = order.wire(**ended, timestamp=ledger.now, exit_nonce=ledger.nonce + 1)
    ledger.trader_event(kind, "remove_order", gone, command)
    ledger.nonce, ledger.tlv = ledger.nonce + 1, tlv_after
    batch = {"BatchExecuteTraderOrder": {"RpcCommandPoolupdate": []}}
    ledger.pool_event(f"RpcCommandPoolupdate-nonce-{ledger.nonce}", batch)
    ledger.answer(
        order.uuid,
        order.account_id,
        ending.answer_type,
        ended["order_status"],
        kind=ending.answer_kind,
        request_id=ending.request_id,
        hashed=True,
    )


def _drop_trigger(ledger: Ledger, order: Trader, leg: str, ending: Ending) -> None:
    trigger = order.triggers[leg]
    ledger.sorted_set(f"{REMOVE[leg]}-{order.uuid}", REMOVE[leg], order.uuid, order.position_type)
    ledger.answer(
        order.uuid,
        order.account_id,
        ending.dropped_type,
        DROPPED[leg],
        request_id=ledger.request_id or trigger.request_id,
        agg_id=f"{DROPPED[leg]}-{order.uuid}",
        old_price=trigger.shown_price,
    )
