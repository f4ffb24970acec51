"""Creates, and fills of resting opens (3.1, 3.2)."""

from typing import Any

from tests.model import closing, gate
from tests.model.expected import ANYTHING, SOME_TEXT, Code
from tests.model.formulas import LONG, fee_sats
from tests.model.ledger import Ledger
from tests.model.orders import CANCELLED, FILLED, PENDING, Trader, Trigger


def create(ledger: Ledger, command: Any, uuid: str, broker_ms: int | None) -> None:  # noqa: PLR0911 - one return for each check, in the specification's order
    """Carry out CreateTraderOrder and CreateTraderOrderSlTp."""
    ((variant, content),) = command.items()
    with_legs = variant == "CreateTraderOrderSlTp"
    legs = (content[1] or {}) if with_legs else {}
    request = _with_account(content[0], uuid)
    shown_type = converted(ledger, request)

    def refuse(status: str, reason: Any, agg_id: Any = ANYTHING) -> None:
        ledger.answer(uuid, request["account_id"], shown_type, status, reason=reason, agg_id=agg_id)

    if request["order_type"] not in ("MARKET", "LIMIT"):
        return refuse(CANCELLED, SOME_TEXT)
    if with_legs and content[1] is not None and content[2] is None:
        return refuse(CANCELLED, SOME_TEXT)
    if not gate.right_open(request, legs):
        return refuse(CANCELLED, SOME_TEXT, "tx_wrong_parameter_error")
    side, value = request["position_type"], int(request["initial_margin"]) * int(request["leverage"])
    refusal = gate.too_old(ledger, broker_ms) or gate.open_refusal(ledger, side, value, request["leverage"])
    if refusal:
        return refuse("RejectedByRiskEngine", Code(refusal), "tx_risk_rejected")
    if any(order.account_id == request["account_id"] for order in ledger.traders.values()):
        return refuse("DuplicateOrder", SOME_TEXT, "tx_duplicate_error")
    order = _entered(ledger, request, uuid, shown_type, legs)
    logged = logged_command(command)
    if shown_type == "MARKET":
        return _fill_at_once(ledger, order, logged)
    return _rest(ledger, order, logged)


def _with_account(request: dict[str, Any], uuid: str) -> dict[str, Any]:
    """1.2: the literal ``account_id`` stands for an account of its own."""
    return request | {"account_id": uuid} if request["account_id"] == "account_id" else request


def converted(ledger: Ledger, request: dict[str, Any]) -> str:
    """Return the type of the order: a limit that is through the market already is a market order."""
    kind, limit, price = request["order_type"], request["entryprice"], ledger.price
    if kind != "LIMIT" or price is None:
        return kind
    through = limit >= price if request["position_type"] == LONG else limit <= price
    return "MARKET" if through else "LIMIT"


def logged_command(command: Any) -> Any:
    """Return the command as the log repeats it; what becomes of a settle message is the codec's affair."""
    ((variant, content),) = command.items()
    if variant != "CreateTraderOrderSlTp":
        return command
    return {variant: [*content[:2], ANYTHING, *content[3:]]}


def _entered(ledger: Ledger, request: dict[str, Any], uuid: str, kind: str, legs: dict[str, Any]) -> Trader:
    ledger.entry_sequence += 1
    order = Trader(
        uuid=uuid,
        account_id=request["account_id"],
        position_type=request["position_type"],
        order_status=FILLED if kind == "MARKET" else PENDING,
        order_type=kind,
        entryprice=float(ledger.price or 0) if kind == "MARKET" else float(request["entryprice"]),
        execution_price=request["execution_price"],
        leverage=request["leverage"],
        initial_margin=request["initial_margin"],
        entry_sequence=ledger.entry_sequence,
        request_id=ledger.request_id,
        stamp=ledger.next_stamp(),
        timestamp=ledger.now,
    )
    order.triggers = {leg: Trigger(price, ledger.request_id, 0) for leg, price in legs.items() if price is not None}
    ledger.traders[uuid] = order
    return order


def _charge(ledger: Ledger, order: Trader, fee_name: str) -> None:
    """Charge the open fee and compute every figure at the entry price; the funding term of 2.5 is 0 here (W-11)."""
    ledger.figure(order, fee_name, 0.0)
    order.fee_filled = fee_sats(ledger.fees[fee_name], order.positionsize, order.entryprice)
    order.available_margin = order.initial_margin - order.fee_filled


def _fill_at_once(ledger: Ledger, order: Trader, command: Any) -> None:
    _charge(ledger, order, "FilledOnMarket")
    ledger.add_exposure(order, order.value)
    ledger.add_size(order, +1)
    ledger.trader_event("TraderOrder", "add_order", order.wire(), command)
    ledger.answer(order.uuid, order.account_id, "MARKET", FILLED, hashed=True)
    closing.take_up_legs(ledger, order)


def _rest(ledger: Ledger, order: Trader, command: Any) -> None:
    ledger.figure(order, "FilledOnLimit", 0.0)
    order.available_margin = order.initial_margin
    ledger.add_pending_exposure(order, order.value)
    ledger.trader_event("TraderOrder", "add_order", order.wire(), command)
    agg_id = f'tx_limit_submit-"{ledger.request_id}"'
    ledger.answer(order.uuid, order.account_id, "LIMIT", PENDING, agg_id=agg_id, new_price=order.entryprice)


def fill(ledger: Ledger, order: Trader) -> None:
    """Fill a resting open at the tick's price with the limit fee (3.2)."""
    assert ledger.price is not None
    ledger.add_pending_exposure(order, -order.value)
    order.order_status, order.entryprice, order.timestamp = FILLED, float(ledger.price), ledger.now
    order.stamp = ledger.next_stamp()
    _charge(ledger, order, "FilledOnLimit")
    ledger.add_exposure(order, order.value)
    ledger.add_size(order, +1)
    command = {"PriceTickerOrderFill": [[order.uuid], ledger.meta(), ledger.price]}
    ledger.trader_event("TraderOrderUpdate", "update_order", order.wire(), command)
    ledger.answer(
        order.uuid, order.account_id, "LIMIT", FILLED, kind="TxHashUpdate", hashed=True, request_id=order.request_id
    )
    closing.take_up_legs(ledger, order)
