"""The latest state of any order: recent ones from this process's fold of the log, older ones from the database.

The fold begins where the archiver stood when the process started, so the two leave nothing out
(decisions A5); an order that neither knows is looked for again once the fold has passed the log's end
(A6), so a close right after a fill works on every replica.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from twilight.api.database import Database
from twilight.api.errors import CallFailed
from twilight.ops.errors import Unavailable

ORDERS_MAX = 200_000
CATCH_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class OrderState:
    """Whose an order is and what has become of it."""

    uuid: str
    account_id: str
    status: str


@dataclass(slots=True)
class OrderView:
    """The newest state of the orders that changed while this process folds; the oldest are let go."""

    orders_max: int = ORDERS_MAX
    position: int = 0
    _orders: dict[str, OrderState] = field(default_factory=dict)
    _waiting: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    def note(self, order: OrderState) -> None:
        """Take over a newer state."""
        self._orders.pop(order.uuid, None)
        self._orders[order.uuid] = order
        if len(self._orders) > self.orders_max:
            del self._orders[next(iter(self._orders))]

    def get(self, uuid: str) -> OrderState | None:
        """Return the newest state, if the order changed recently."""
        return self._orders.get(uuid)

    def advance(self, position: int) -> None:
        """Say that everything before ``position`` is folded, and wake those who waited for it."""
        self.position = position
        still: list[tuple[int, asyncio.Future[None]]] = []
        for wanted, done in self._waiting:
            if wanted > position:
                still.append((wanted, done))
            elif not done.done():
                done.set_result(None)
        self._waiting = still

    async def passed(self, position: int) -> None:
        """Return when everything before ``position`` is folded."""
        if position > self.position:
            done = asyncio.get_running_loop().create_future()
            self._waiting.append((position, done))
            await done


@dataclass(slots=True)
class LatestOrders:
    """Looks an order up wherever it is known."""

    view: OrderView
    database: Database
    end_offset: Callable[[], Awaitable[int]]
    catch_up_s: float = CATCH_UP_S

    async def find(self, uuid: str, *, lend: bool) -> OrderState | None:
        """Return the latest state of the order, None if there is no such order.

        Raises:
            CallFailed: it is not known, and the log's end could not be reached in time to be sure.
        """
        found = self.view.get(uuid) or await self._stored(uuid, lend=lend)
        if found is not None:
            return self.view.get(uuid) or found
        try:
            async with asyncio.timeout(self.catch_up_s):
                await self.view.passed(await self.end_offset())
        except (TimeoutError, Unavailable):
            raise CallFailed("Could not send order the order's state is not known yet", reason="VIEW_BEHIND") from None
        return self.view.get(uuid)

    async def _stored(self, uuid: str, *, lend: bool) -> OrderState | None:
        query = "lend_order_state" if lend else "trader_order_state"
        rows: list[Any] = await self.database.rows(query, "order info", uuid=uuid)
        return OrderState(uuid, rows[0].account_id, rows[0].order_status) if rows else None
