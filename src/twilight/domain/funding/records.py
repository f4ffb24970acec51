"""The records of a large hour: in slices between other inputs, and of a position that is to change before that.

When an hour opens, everybody is charged; its records only say so. A slice takes the next of them by entry sequence,
and `FundingRateUpdate` closes the hour. So nobody waits for a million records, and a reader of the log sees each order
in its order all the same.
"""

from collections.abc import Generator, Iterator, Sequence

from twilight.domain.books.sets import reached_in_bulk
from twilight.domain.books.state import OpenHour, State
from twilight.domain.context import Case
from twilight.domain.model.commands import Meta
from twilight.domain.model.errors import NotWritable
from twilight.domain.model.events import (
    Event,
    FundingRateUpdate,
    Metadata,
    SetAction,
    SortedSetDBUpdate,
    TraderOrderEvent,
    TraderOrderFundingUpdate,
    TraderOrderLimitUpdate,
    TraderOrderLiquidation,
)
from twilight.domain.model.inputs import FundingSlice
from twilight.domain.model.orders import TraderOrder
from twilight.domain.model.pool import FundingOrderEventUpdate

SLICE = 1_000
"""Records that are made at once, some ten milliseconds of work: no tick is late. An hour of so many is not sliced."""


def funding_record(order: TraderOrder, meta: Meta, time: str, metadata: Metadata | None) -> TraderOrderFundingUpdate:
    """Return the record of a charged position."""
    stamped = order.copy()
    stamped.timestamp = time
    command = FundingOrderEventUpdate(order, meta)
    return TraderOrderFundingUpdate(stamped, command, f"update_order_funding-{order.uuid}", metadata)


def on_funding_slice(case: Case, _slice: FundingSlice) -> Iterator[Sequence[Event]]:
    """Make the next records of the open hour; after the last of them, close it."""
    state, hour = case.state, case.state.open_hour
    if hour is None:
        return
    uuids = state.next_awaited(SLICE + 1)  # one more tells whether any are left
    if uuids:
        yield [_awaited_record(state, hour, uuid) for uuid in uuids[:SLICE]]
    if len(uuids) <= SLICE:
        yield [_closing(state, hour)]


def _awaited_record(state: State, hour: OpenHour, uuid: str) -> TraderOrderFundingUpdate:
    """Return the record of a position that was charged when the hour opened, and has not changed since."""
    position = state.position(uuid) or state.known(uuid)
    return funding_record(position.order, hour.meta, hour.time, hour.metadata)


def _closing(state: State, hour: OpenHour) -> FundingRateUpdate:
    meta = hour.meta
    metadata = {**hour.metadata, "funding_index": str(state.funding_index)}
    rate, price = float(meta["FundingRate"] or 0), float(meta["CurrentPrice"] or 0)
    return FundingRateUpdate(rate, price, hour.time, f"insert_fundingrate-{meta['request_server_time']}", metadata)


def records_first(state: State, steps: Iterator[Sequence[Event]]) -> Iterator[Sequence[Event]]:
    """Yield the decisions of an input; one that changes positions whose records are awaited begins with those records.

    The caller may throw `NotWritable` into this, as it may into the decisions.
    """
    step = next(steps, None)
    while step is not None:
        hour = state.open_hour
        early = [] if hour is None else [_awaited_record(state, hour, uuid) for uuid in _changed(state, step)]
        try:
            yield [*early, *step]
        except NotWritable as fault:
            step = _decided_otherwise(steps, fault)
        else:
            step = next(steps, None)


def _decided_otherwise(steps: Iterator[Sequence[Event]], fault: NotWritable) -> Sequence[Event] | None:
    if not isinstance(steps, Generator):
        raise fault
    try:
        step: Sequence[Event] = steps.throw(fault)
    except StopIteration:
        return None
    return step


_OF_ONE_ORDER = (TraderOrderEvent, TraderOrderLimitUpdate, TraderOrderLiquidation)


def _changed(state: State, step: Sequence[Event]) -> list[str]:
    """Return which positions whose records are awaited a decision names, or takes out of their set in bulk."""
    named = list[str]()
    for event in step:
        if isinstance(event, _OF_ONE_ORDER):
            named.append(event.order.uuid)
        elif isinstance(event, SortedSetDBUpdate):
            command = event.command
            if command.uuid is not None:
                named.append(command.uuid)
            elif command.action is SetAction.BULK_LIQUIDATION:
                named += reached_in_bulk(state, command)
    return [uuid for uuid in dict.fromkeys(named) if state.awaits_record(uuid)]
