"""Which states of an order are trades (decisions S2): first FILLED, SETTLED, LIQUIDATE, whatever the event kind."""

from dataclasses import dataclass
from typing import Literal

from twilight.domain.candles import Trade
from twilight.wire.types import TraderOrder

BUY: Literal[1] = 1
SELL: Literal[0] = 0
_OPPOSITE = {"LONG": "SHORT", "SHORT": "LONG"}
_KINDS = {"FILLED": "OPEN", "SETTLED": "CLOSE", "LIQUIDATE": "LIQUIDATION"}
TRADING = frozenset(_KINDS)
"""The statuses that may be a trade."""


@dataclass(frozen=True, slots=True)
class OrderTrade:
    """A trade of one order, at most one of each kind; `side` as the API shows it."""

    order_uuid: str
    account_id: str
    trade_kind: str
    side: str
    price: float
    position_size: float
    ts_ns: int
    offset: int
    entry_price: float

    @property
    def questdb_side(self) -> Literal[0, 1]:
        """Return 1 for a purchase, 0 for a sale."""
        return BUY if self.side == "LONG" else SELL

    def for_candle(self) -> Trade:
        """Return what a candle takes of it."""
        side: Literal["BUY", "SELL"] = "BUY" if self.side == "LONG" else "SELL"
        return Trade(side, self.price, self.position_size, self.ts_ns, self.offset)


def trade_of(order: TraderOrder, ts_ns: int, offset: int) -> OrderTrade | None:
    """Return the trade that this state of an order tells of, if it tells of one.

    A FILLED state is a trade only the first time: the caller drops what it has seen. Prices that are 0 give way to
    the next best (storage specification 6.2); a trade without a price or size is none.
    """
    kind = _KINDS.get(order.order_status)
    if kind is None:
        return None
    price = order.entryprice if kind == "OPEN" else order.settlement_price
    if kind == "CLOSE":
        price = price or order.execution_price or order.entryprice
    elif kind == "LIQUIDATION":
        price = price or order.liquidation_price
    if not (price > 0 and order.positionsize > 0):
        return None
    side = order.position_type if kind == "OPEN" else _OPPOSITE.get(order.position_type, order.position_type)
    return OrderTrade(
        order.uuid, order.account_id, kind, side, price, order.positionsize, ts_ns, offset, order.entryprice
    )
