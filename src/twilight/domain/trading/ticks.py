"""Ticks: the price moves, and what the move sets off (engine 5.2).

In this order: liquidations first, so that nothing is paid out of a position already under its liquidation price;
closes next; fills last, so that a new position is first judged at the next tick. An order that two checks hit is
handled by the first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from twilight.domain.books.exposure import value_of
from twilight.domain.books.sets import liquidation_set, open_set
from twilight.domain.books.state import Position, State
from twilight.domain.context import TRADABLE, Case
from twilight.domain.isolating import isolated
from twilight.domain.model.events import (
    CurrentPriceUpdate,
    Event,
    Metadata,
    SetAction,
    SortedSetCommand,
    SortedSetDBUpdate,
)
from twilight.domain.model.inputs import Conditions, Tick, gating_status
from twilight.domain.model.numbers import round_half_away, score
from twilight.domain.model.orders import OrderStatus, Side, TraderOrder
from twilight.domain.trading import risk
from twilight.domain.trading.closing import fee_when_fired
from twilight.domain.trading.filling import fill_resting
from twilight.domain.trading.legs import Scores, Trigger, removal_event, retry_metadata, set_event
from twilight.domain.trading.liquidation import liquidate, liquidation_put_back, was_refused
from twilight.domain.trading.settlement import Close, put_back, settle

SIDES = (Side.SHORT, Side.LONG)
"""The order in which the two sides are handled."""

GROUPS = (
    (Trigger.CLOSE_LIMIT, Side.SHORT, SetAction.BULK_CLOSE_LIMIT, Side.SHORT),
    (Trigger.CLOSE_LIMIT, Side.LONG, SetAction.BULK_CLOSE_LIMIT, Side.LONG),
    (Trigger.STOP_LOSS, Side.LONG, SetAction.BULK_SLTP, Side.SHORT),
    (Trigger.TAKE_PROFIT, Side.SHORT, SetAction.BULK_SLTP, Side.SHORT),
    (Trigger.STOP_LOSS, Side.SHORT, SetAction.BULK_SLTP, Side.LONG),
    (Trigger.TAKE_PROFIT, Side.LONG, SetAction.BULK_SLTP, Side.LONG),
)
"""The six close checks in their order: trigger, position's side, bulk removal and the side that names its set."""


def on_tick(case: Case, tick: Tick) -> Iterator[Sequence[Event]]:
    """Take the price and run the checks; a tick that is not tradable, paused or below 1 USD changes nothing."""
    price = round_half_away(tick.price)
    status = gating_status(tick.status, tick.flags)
    if status not in TRADABLE or case.state.switches.pause_price_feed or price < 1:
        return
    now = case.conditions.now_iso
    case.conditions = Conditions(case.conditions.now_ns, status, case.conditions.feed_age_ms)
    yield [CurrentPriceUpdate(float(price), now, "insert_CurrentPrice", _tick_metadata(tick))]
    yield from check_liquidations(case)
    yield from check_closes(case)
    yield from check_fills(case)


def _tick_metadata(tick: Tick) -> Metadata | None:
    if not tick.text:
        return None
    return {
        "tick": tick.text,
        "kid": tick.kid,
        "sig": tick.sig,
    }


def bulk_event(case: Case, action: SetAction, side: Side) -> SortedSetDBUpdate:
    """Return the removal of every member that the current price has reached."""
    command = SortedSetCommand(action, None, case.price, side)
    return SortedSetDBUpdate(command, case.conditions.now_iso, action.value, case.metadata)


def is_due(case: Case, uuid: str, *, liquidation: bool = False) -> bool:
    """Return whether nothing is in flight for it, and if it was refused, whether it may be tried again (R9, C11).

    A liquidation does not wait for a refused trigger: nobody puts it off by a stop loss that the chain will not take.
    """
    if uuid in case.state.intents:
        return False
    retry = case.state.retries.get(uuid)
    if retry is None or (liquidation and not retry.holds_liquidation):
        return True
    return retry.not_before_ns <= case.conditions.now_ns


def pool_room(case: Case) -> int | None:
    """Return how many transactions of the pool may be begun: one at a time with a chain that answers later (C11)."""
    if not case.context.chain.answers_later:
        return None
    return 0 if case.pool_is_busy else 1


def _due(case: Case, reached: list[str], room: int | None, *, liquidation: bool = False) -> list[str]:
    """Return which of those that the price has reached act now."""
    due = reached
    if case.state.retries or case.state.intents:
        due = [uuid for uuid in reached if is_due(case, uuid, liquidation=liquidation)]
    return due if room is None else due[:room]


def _removals(
    case: Case, due: list[str], bulk: tuple[SetAction, Side], remove: SetAction, *, whole: bool
) -> list[Event]:
    """Return the removal of those that act: one bulk event if it takes no other, else one each."""
    if whole:
        return [bulk_event(case, *bulk)] if due else []
    return [removal_event(case, remove, case.state.positions[uuid].order) for uuid in due]


# --- liquidations ----------------------------------------------------------------------------------------------------


def check_liquidations(case: Case) -> Iterator[Sequence[Event]]:
    """Liquidate every position whose price is reached (5.2 step 5, 3.7)."""
    fired: list[str] = []
    removals: list[Event] = []
    bound = score(case.price)
    room = pool_room(case)
    for side in SIDES:
        members = liquidation_set(case.state, side)
        reached = members.at_or_above(bound) if side is Side.LONG else members.at_or_below(bound)
        left = None if room is None else room - len(fired)
        bulk = (SetAction.BULK_LIQUIDATION, side)
        due = _due(case, reached, left, liquidation=True)
        fired += due
        removals += _removals(case, due, bulk, SetAction.REMOVE_LIQUIDATION, whole=len(due) == len(reached))
    if removals:
        yield removals
    for uuid in fired:
        position = case.state.positions.get(uuid)
        if position is not None:
            yield from isolated(case, position.order, _liquidated(case, uuid), partial(_liquidation_again, case, uuid))


def _liquidated(case: Case, uuid: str) -> Iterator[list[Event]]:
    position = case.state.position(uuid)
    if position is not None:
        yield liquidation(case, position)


def _liquidation_again(case: Case, uuid: str) -> list[Event]:
    position = case.state.position(uuid) or case.state.known(uuid)
    return [liquidation_put_back(case, position.order)]


def liquidation(case: Case, position: Position) -> list[Event]:
    """Return a position's liquidation, or its return into the set when the chain refused it."""
    events = liquidate(case, position, meta=case.tick_meta())
    if was_refused(events):
        events.append(liquidation_put_back(case, position.order))
    return events


# --- closes ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Group:
    """The positions that one kind of trigger closes."""

    trigger: Trigger
    uuids: list[str]
    bulk: tuple[SetAction, Side]


def check_closes(case: Case) -> Iterator[Sequence[Event]]:
    """Close every position one of whose triggers is reached, by the first group that has it (5.2 step 6, 3.5)."""
    groups, removals, fired = _extract_closes(case)
    if removals:
        yield removals
    for group in groups:
        for uuid in group.uuids:
            position = case.state.positions.get(uuid)
            if position is not None and position.order.status is OrderStatus.FILLED and uuid in fired:
                close = Close(fee_when_fired(case, group.trigger), trigger=group.trigger, fired=fired.pop(uuid))
                steps = _closed(case, uuid, close)
                yield from isolated(case, position.order, steps, partial(put_back, case, position, close))


def _closed(case: Case, uuid: str, close: Close) -> Iterator[list[Event]]:
    position = case.state.position(uuid)
    if position is not None:
        yield settle(case, position, close)


def _extract_closes(case: Case) -> tuple[list[Group], list[Event], dict[str, Scores]]:
    groups, removals, fired = list[Group](), list[Event](), dict[str, Scores]()
    bound, room = score(case.price), pool_room(case)
    waiting: set[tuple[SetAction, Side]] = set()
    for trigger, side, bulk, set_side in GROUPS:
        members = trigger.members(case.state, side)
        above = set_side is Side.SHORT
        reached = members.at_or_above(bound) if above else members.at_or_below(bound)
        due = _due(case, reached, None if room is None else room - len(fired))
        if len(due) < len(reached):
            waiting.add((bulk, set_side))
        for uuid in due:
            fired.setdefault(uuid, {})[trigger] = members.score(uuid) or 0
        if due:
            groups.append(Group(trigger, due, (bulk, set_side)))
    for group in groups:
        whole = group.bulk not in waiting  # a bulk removal clears stop losses and take profits alike (S6)
        removals += _removals(case, group.uuids, group.bulk, group.trigger.texts.remove, whole=whole)
    return groups, removals, fired


# --- fills -----------------------------------------------------------------------------------------------------------


def check_fills(case: Case) -> Iterator[Sequence[Event]]:
    """Fill every resting order whose price is reached and that finds room (5.2 step 4, 3.2, R4, R20)."""
    if not risk.may_fill(case):
        return
    filling, whole = _refitted(case) if case.context.profile.refit_at_fill else _all_reached(case)
    removals: list[Event] = [
        bulk_event(case, SetAction.BULK_OPEN_LIMIT, side) for side in SIDES if whole[side] and filling[side]
    ]
    if removals:
        yield removals
    for side in SIDES:
        for uuid in filling[side]:
            resting = case.state.positions[uuid]
            steps = fill_resting(case, resting, remove_first=not whole[side])
            yield from isolated(case, resting.order, steps, partial(_resting_again, case, resting.order))


def _resting_again(case: Case, order: TraderOrder) -> list[Event]:
    """Return a resting order into its set, from which the tick may have taken it, to be tried again later."""
    metadata = retry_metadata(case, order.uuid)
    return [set_event(case, SetAction.ADD_OPEN_LIMIT, order, order.entry_price, metadata)]


BySide = dict[Side, list[str]]


def _all_reached(case: Case) -> tuple[BySide, dict[Side, bool]]:
    """Return every resting order that may act of those that the price has reached, in ascending score."""
    bound = score(case.price)
    short, long = open_set(case.state, Side.SHORT), open_set(case.state, Side.LONG)
    reached = {Side.SHORT: short.at_or_below(bound), Side.LONG: long.at_or_above(bound)}
    filling = {side: _due(case, reached[side], None) for side in SIDES}
    return filling, {side: len(filling[side]) == len(reached[side]) for side in SIDES}


def _refitted(case: Case) -> tuple[BySide, dict[Side, bool]]:
    """Return those that find room under the limits, and of which sides that is all that the price has reached.

    The best price comes first, ties in insertion order, and each counts those before it as filled (R16, R20). The
    room of a side only shrinks meanwhile, so orders that do not fit are passed over by the thousand.
    """
    state, bound = case.state, score(case.price)
    filling: BySide = {side: [] for side in SIDES}
    added, whole = dict.fromkeys(SIDES, 0), dict.fromkeys(SIDES, True)
    for side in SIDES:
        members, above = open_set(state, side), side is Side.LONG
        room = _room(case, side, added)
        for uuid in members.light(bound, above=above, weigh=_value_in(state), limit=lambda: room):  # noqa: B023 - used at once
            if state.retries and not is_due(case, uuid):
                continue
            filling[side].append(uuid)
            added[side] += value_of(state.positions[uuid].order)
            room = _room(case, side, added)
        reached = members.count_at_or_above(bound) if above else members.count_at_or_below(bound)
        whole[side] = len(filling[side]) == reached
    return filling, whole


def _room(case: Case, side: Side, added: dict[Side, int]) -> float:
    return risk.headroom(case.state, added[Side.LONG], added[Side.SHORT]).largest(side)


def _value_in(state: State) -> Callable[[str], int]:
    return lambda uuid: value_of(state.positions[uuid].order)
