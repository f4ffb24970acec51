"""What-if against what then happens: every command of the small exchange is previewed before it is given."""

from collections.abc import Sequence
from dataclasses import replace

from twilight.domain.books.state import State
from twilight.domain.context import Context
from twilight.domain.model import commands as c
from twilight.domain.model.events import Event, IntentOpened, TraderOrderEvent, TxHash
from twilight.domain.model.inputs import Conditions
from twilight.domain.model.orders import OrderStatus, TraderOrder
from twilight.domain.simulate import ClosePreview, OpenPreview, simulate_close, simulate_open

OPENS = (c.CreateTraderOrder, c.CreateTraderOrderSlTp)
CLOSES = (c.ExecuteTraderOrder, c.ExecuteTraderOrderSlTp)
LIVE = (OrderStatus.FILLED, OrderStatus.PENDING)
OF_THE_CHAIN = 'Error : "'

Preview = OpenPreview | ClosePreview


def preview_of(state: State, command: object, conditions: Conditions, context: Context) -> Preview | None:
    """Return what the engine says that it would do, None for a command that it previews not."""
    if isinstance(command, OPENS):
        return simulate_open(state, command, conditions, context)
    return simulate_close(state, command, conditions, context) if isinstance(command, CLOSES) else None


def assert_previewed(preview: Preview | None, made: Sequence[Event]) -> None:
    """Hold a preview against the events; what only the chain can refuse, no preview knows."""
    told = next((event.data for event in made if isinstance(event, TxHash)), None)
    by_the_chain = told is not None and (told.reason or "").startswith(OF_THE_CHAIN)
    if preview is None or not made or by_the_chain:
        return
    if preview.reason is not None and preview.status is not OrderStatus.FILLED:
        assert told is not None
        assert (preview.status, preview.reason) == (told.status, told.reason)
    elif isinstance(preview, OpenPreview):
        assert _figures(preview.order) == _figures(_order(made))
    elif preview.settlement is not None:
        order = _order(made)
        if order is not None:  # else the close waits for its turn, and for its price
            found = (
                order.available_margin_sats,
                order.unrealized_pnl_sats,
                order.fee_settled_sats,
                order.settlement_price,
            )
            due = preview.settlement
            assert found == (due.payout_sats, due.pnl_sats, due.fee_sats, preview.price)
    else:
        assert told is not None
        assert told.status.value.endswith(("Added", "Updated"))


def _order(made: Sequence[Event]) -> TraderOrder | None:
    """Return the order as it was entered or ended, or as the chain is asked about it."""
    for event in made:
        if isinstance(event, TraderOrderEvent):
            return event.order
        if isinstance(event, IntentOpened):
            return event.intent.order
    return None


def _figures(order: TraderOrder | None) -> TraderOrder | None:
    """Return the order without what names it."""
    return order and replace(order, uuid="", account_id="", timestamp="", entry_sequence=0)
