"""When an event happened (decisions S4): its own time or an order's; the rest take that of the newest event before."""

from collections.abc import Callable
from typing import Any

from twilight.archiver.times import NS_MAX, nanoseconds
from twilight.wire import events as e

NS_PER_US = 1_000
_MICROSECONDS_DIGITS = 16


def _own(event: Any) -> int:  # noqa: ANN401 - any event with a time
    return nanoseconds(event.time)


def _order(event: Any) -> int:  # noqa: ANN401 - any event with an order
    return nanoseconds(event.order.timestamp)


def _answer(event: Any) -> int | None:  # noqa: ANN401 - an answer record
    """Return the time of an answer; its text is kept as it is, so one that cannot be used is no fault."""
    try:
        return nanoseconds(event.datetime)
    except ValueError:
        return None


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
    e.TxHashEvent: _answer,
    e.TxHashUpdateEvent: _answer,
}
_ORDERS = frozenset(kind for kind, time_of in _OF_KIND.items() if time_of is _order)


def event_time_ns(event: e.Event, *, is_seed_era: bool = False) -> int | None:
    """Return the event's own time in nanoseconds since 1970, None for a kind that carries none.

    A seed-era order keeps an older time than the command that changed it: the later of the two counts.

    Raises:
        ValueError: the time is no time, or out of the range that can be stored.
    """
    time_of = _OF_KIND.get(type(event))
    own = None if time_of is None else time_of(event)
    if own is not None and is_seed_era and type(event) in _ORDERS:
        return max(own, _request_ns(event))
    return own


def _request_ns(event: Any) -> int:  # noqa: ANN401 - any event with a command
    meta = getattr(event.command.value, "meta", None)
    text = meta.metadata.get("request_server_time") if meta is not None else None
    if text is None or not text.isdecimal() or len(text) != _MICROSECONDS_DIGITS:
        return 0
    ns = int(text) * NS_PER_US
    return ns if ns <= NS_MAX else 0
