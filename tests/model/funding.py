"""One funding hour (5.3, 2.11, R11, R12, R21, R25)."""

from tests.model import closing, formulas
from tests.model.arithmetic import shown
from tests.model.formulas import LONG
from tests.model.ledger import Ledger
from tests.model.orders import Trader


def fund(ledger: Ledger, hour: int) -> None:
    """Charge every position for the hour, once, and only while the price is tradable."""
    done = ledger.funding_hour is not None and hour <= ledger.funding_hour
    if done or ledger.switches["pause_funding"] or not ledger.tradable:
        return
    assert ledger.price is not None
    sizes = ledger.size_log()
    rate = formulas.funding_rate(
        sizes["total_long_positionsize"], sizes["total_short_positionsize"], sizes["totalpositionsize"]
    )
    ledger.funding_hour = hour
    for order in ledger.filled():
        _charge(ledger, order, rate)
    ledger.funding_index += formulas.funding_index_step(rate, ledger.price)
    value = [rate, float(ledger.price), ledger.now]
    told = {"funding_hour": str(hour), "funding_index": str(ledger.funding_index)}
    ledger.emit("FundingRateUpdate", f"insert_fundingrate-{ledger.now_us}", value, **told)


def _charge(ledger: Ledger, order: Trader, rate: float) -> None:
    assert ledger.price is not None
    pay = formulas.funding_payment(rate, order.positionsize, float(ledger.price))
    gain = -pay if order.position_type == LONG else pay
    if order.funded or not ledger.rules.first_funding_pays_only or gain < 0:
        order.available_margin = max(order.available_margin + gain, 0.0)
    order.funded = True
    fee_name = "FilledOnMarket" if order.order_type == "MARKET" else "FilledOnLimit"
    ledger.figure_maintenance(order, fee_name, rate)
    told = {
        "FundingRate": shown(rate),
        **{name: shown(ledger.fees[name]) for name in ("FilledOnMarket", "FilledOnLimit")},
    }
    if order.available_margin <= order.maintenance_margin:
        return closing.liquidate(ledger, order, told)
    ledger.figure_liquidation(order)
    order.stamp = ledger.next_stamp()
    command = {"FundingOrderEventUpdate": [order.wire(), ledger.meta(**told)]}
    value = [order.wire(timestamp=ledger.now), command]
    return ledger.emit("TraderOrderFundingUpdate", f"update_order_funding-{order.uuid}", value)
