"""What-if agrees with what then happens, and changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.exchange import LONG, SHORT, Exchange, answers, statuses

from twilight.domain.books.snapshot import state_hash
from twilight.domain.model import commands as c
from twilight.domain.model.events import TraderOrderEvent
from twilight.domain.model.inputs import Conditions, FeedStatus
from twilight.domain.model.orders import OrderStatus, OrderType, Side
from twilight.domain.simulate import ClosePreview, OpenPreview, simulate_close, simulate_open


def preview_open(exchange: Exchange, side: Side, margin: float, leverage: float, limit: float | None) -> OpenPreview:
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    request = c.OpenRequest("A", side, kind, leverage, margin, margin, OrderStatus.PENDING, limit or 0.0, 0.0)
    conditions = Conditions(exchange.now_ns, exchange.status)
    command = c.CreateTraderOrder(request, {}, "", "")
    return simulate_open(exchange.state, command, conditions, exchange.engine.context)


def preview_close(exchange: Exchange, limit: float | None = None) -> ClosePreview:
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    request = c.CloseRequest("A", exchange.uuid("A"), kind, 0.0, OrderStatus.FILLED, limit or 0.0)
    conditions = Conditions(exchange.now_ns, exchange.status)
    command = c.ExecuteTraderOrder(request, {}, "", "")
    return simulate_close(exchange.state, command, conditions, exchange.engine.context)


@given(
    st.sampled_from(list(Side)),
    st.sampled_from([0.0, 1.0, 100_000.0, 1e7, 0.5]),
    st.sampled_from([1.0, 10.0, 50.0, 51.0]),
    st.sampled_from([None, 60_000.0, 70_000.0]),
)
def test_a_previewed_open_is_the_open_that_follows(
    side: Side, margin: float, leverage: float, limit: float | None
) -> None:
    exchange = Exchange()
    before = state_hash(exchange.state)
    preview = preview_open(exchange, side, margin, leverage, limit)
    assert state_hash(exchange.state) == before
    made = exchange.open("A", side, margin, leverage, limit)
    (record,) = answers(made)
    assert preview.status is record.status
    assert preview.reason == record.reason
    if preview.order is not None:
        order = exchange.order("A")
        assert preview.order.liquidation_price == order.liquidation_price
        assert preview.order.fee_filled_sats == order.fee_filled_sats
        assert preview.value_sats == margin * leverage


@pytest.mark.parametrize("price", [60_000, 65_000, 66_000])
@pytest.mark.parametrize("side", [LONG, SHORT])
def test_a_previewed_close_pays_what_the_close_then_pays(side: Side, price: int) -> None:
    exchange = Exchange()
    exchange.open("A", side)
    exchange.tick(price)
    preview = preview_close(exchange)
    made = exchange.close("A")
    settled = next(event for event in made if isinstance(event, TraderOrderEvent)).order
    assert preview.settlement is not None
    assert preview.settlement.payout_sats == settled.available_margin_sats
    assert (preview.settlement.pnl_sats, preview.settlement.fee_sats) == (
        settled.unrealized_pnl_sats,
        settled.fee_settled_sats,
    )


def test_a_close_that_would_only_set_a_trigger_says_so() -> None:
    exchange = Exchange()
    exchange.open("A")
    assert preview_close(exchange, 70_000.0).status is OrderStatus.FILLED


def test_previews_give_the_exact_reason_of_a_refusal() -> None:
    exchange = Exchange()
    assert preview_close(exchange).status is OrderStatus.ORDER_NOT_FOUND
    exchange.open("A")
    assert preview_open(exchange, LONG, 1.0, 1.0, None).status is OrderStatus.DUPLICATE_ORDER
    exchange.tick(65_000, FeedStatus.HOLD)
    preview = preview_close(exchange)
    assert (preview.status, preview.reason) == (
        OrderStatus.REJECTED_BY_RISK_ENGINE,
        answers(exchange.close("A"))[0].reason,
    )
    assert statuses(exchange.cancel("A")) == ["OrderNotFound"]
