"""Records of orders, written by hand with few words."""

import msgspec

from twilight.wire.commands import CreateTraderOrderCommand, RpcCommand
from twilight.wire.events import TraderOrderEvent, encode_event
from twilight.wire.types import CreateTraderOrder, Meta, TraderOrder


def order_event(  # noqa: PLR0913 - an order has many
    short_id: str,
    status: str,
    side: str,
    *,
    time: str,
    margin: float = 10_000,
    leverage: float = 10,
    size: float = 5e9,
    entry: float = 50_000,
    settlement: float = 51_000,
    order_type: str = "MARKET",
    wallet: str | None = None,
    request_id: str = "REQ",
) -> bytes:
    """Return a `TraderOrder` record of the order whose id begins with eight digits."""
    account = f"account-{short_id}"
    zeros = dict.fromkeys(TraderOrder.__struct_fields__[12:18], 0.0)
    order = TraderOrder(
        f"{short_id}-0000-4000-8000-000000000000",
        account,
        side,
        status,
        order_type,
        entry,
        0.0,
        float(size),
        float(leverage),
        float(margin),
        float(margin),
        time,
        *[zeros.get(name, 0.0) for name in TraderOrder.__struct_fields__[12:17]],
        float(settlement),
        0,
        0,
        1,
        0.0,
        0.0,
    )
    create = CreateTraderOrder(account, side, order_type, leverage, margin, margin, status, entry, 0.0)
    meta = Meta({} if wallet is None else {"Twilight-Address": wallet})
    command = RpcCommand(CreateTraderOrder=CreateTraderOrderCommand(create, meta, "00", request_id))
    return encode_event(TraderOrderEvent(msgspec.structs.replace(order), command, 1))
