"""When an event happened (decisions S4): its own time, an order's, or that of the newest event before it."""

from collections.abc import Callable
from typing import Any

from twilight.archiver.times import nanoseconds
from twilight.wire import events as e
from twilight.wire.commands import RelayerCommand, RpcCommand

NS_PER_US = 1_000


def _own(event: Any) -> int | None:  # noqa: ANN401 - any event with a time
    return nanoseconds(event.time)


def _order(event: Any) -> int | None:  # noqa: ANN401 - any event with an order
    """Return the order's timestamp; a seed-era order keeps an older one than the command that changed it."""
    return max(nanoseconds(event.order.timestamp), _request_ns(event.command))


def _request_ns(command: RpcCommand | RelayerCommand) -> int:
    meta = getattr(command.value, "meta", None)
    text = meta.metadata.get("request_server_time") if meta is not None else None
    return int(text) * NS_PER_US if text is not None and text.isascii() and text.isdigit() and len(text) == 16 else 0  # noqa: PLR2004 - digits of microseconds


def _record(event: Any) -> int | None:  # noqa: ANN401 - an answer record
    return nanoseconds(event.datetime) if event.datetime else None


_OF_KIND: dict[type, Callable[[Any], int | None]] = {
    e.TraderOrderEvent: _order,
    e.TraderOrderUpdateEvent: _order,
    e.TraderOrderLimitUpdateEvent: _order,
    e.TraderOrderFundingUpdateEvent: _order,
    e.TraderOrderLiquidationEvent: _order,
    e.LendOrderEvent: _order,
    e.FundingRateUpdateEvent: _own,
    e.CurrentPriceUpdateEvent: _own,
    e.SortedSetDBUpdateEvent: _own,
    e.FeeUpdateEvent: _own,
    e.TxHashEvent: _record,
    e.TxHashUpdateEvent: _record,
}


def event_time_ns(event: e.Event) -> int | None:
    """Return the event's own time in nanoseconds since 1970, None for a kind that carries none.

    Raises:
        ValueError: the time is no time.
    """
    own = _OF_KIND.get(type(event))
    return own(event) if own is not None else None
