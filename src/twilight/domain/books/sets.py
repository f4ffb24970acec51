"""The trigger sets by the order's side, and what events do to them (engine 1.8, wire 5.4, decisions R8, R9, S6)."""

from collections.abc import Callable, Iterator

from twilight.domain.books.ledger import Ledger
from twilight.domain.books.state import Legs, Position, Retry, State
from twilight.domain.books.triggers import TriggerSet
from twilight.domain.model import clock
from twilight.domain.model.errors import Corrupt
from twilight.domain.model.events import (
    SetAction,
    SortedSetCommand,
    SortedSetDBUpdate,
)
from twilight.domain.model.numbers import score
from twilight.domain.model.orders import LONG, SHORT, Side

RETRY_WAIT_MAX_S = 60


def open_set(state: State, side: Side) -> TriggerSet:
    """Return the resting opens of a side."""
    return state.triggers.open_long if side is LONG else state.triggers.open_short


def liquidation_set(state: State, side: Side) -> Ledger:
    """Return the liquidation prices of a side."""
    return state.ledger(side)


def close_limit_set(state: State, side: Side) -> TriggerSet:
    """Return the close limits of a side's positions."""
    return state.triggers.close_long if side is LONG else state.triggers.close_short


def stop_loss_set(state: State, side: Side) -> TriggerSet:
    """Return the stop losses of a side's positions."""
    return state.triggers.stop_loss_long if side is LONG else state.triggers.stop_loss_short


def take_profit_set(state: State, side: Side) -> TriggerSet:
    """Return the take profits of a side's positions."""
    return state.triggers.take_profit_long if side is LONG else state.triggers.take_profit_short


def trigger_sets(state: State, side: Side) -> tuple[TriggerSet, TriggerSet, TriggerSet]:
    """Return the close limits, stop losses and take profits of a side's positions."""
    sets = state.triggers
    if side is LONG:
        return sets.close_long, sets.stop_loss_long, sets.take_profit_long
    return sets.close_short, sets.stop_loss_short, sets.take_profit_short


_SET_OF: dict[SetAction, Callable[[State, Side], TriggerSet | Ledger]] = {
    action: chosen
    for actions, chosen in (
        (
            (SetAction.ADD_LIQUIDATION, SetAction.UPDATE_LIQUIDATION, SetAction.REMOVE_LIQUIDATION),
            liquidation_set,
        ),
        ((SetAction.ADD_OPEN_LIMIT, SetAction.UPDATE_OPEN_LIMIT, SetAction.REMOVE_OPEN_LIMIT), open_set),
        (
            (SetAction.ADD_CLOSE_LIMIT, SetAction.UPDATE_CLOSE_LIMIT, SetAction.REMOVE_CLOSE_LIMIT),
            close_limit_set,
        ),
        ((SetAction.ADD_STOP_LOSS, SetAction.UPDATE_STOP_LOSS, SetAction.REMOVE_STOP_LOSS), stop_loss_set),
        (
            (SetAction.ADD_TAKE_PROFIT, SetAction.UPDATE_TAKE_PROFIT, SetAction.REMOVE_TAKE_PROFIT),
            take_profit_set,
        ),
    )
    for action in actions
}


def _put_trigger(state: State, event: SortedSetDBUpdate, uuid: str, price: float) -> None:
    command, metadata = event.command, event.metadata or {}
    _SET_OF[command.action](state, command.side).put(uuid, score(price))
    position = state.known(uuid)
    request_id = metadata.get("set_by", metadata.get("request_id", ""))
    if command.action in {SetAction.ADD_CLOSE_LIMIT, SetAction.UPDATE_CLOSE_LIMIT}:
        position.close_limit_request_id = request_id
    elif command.action in {SetAction.ADD_STOP_LOSS, SetAction.UPDATE_STOP_LOSS}:
        position.stop_loss_request_id = request_id
    elif command.action in {SetAction.ADD_TAKE_PROFIT, SetAction.UPDATE_TAKE_PROFIT}:
        position.take_profit_request_id = request_id
    if "retry" in metadata:
        wait_s = min(2 ** int(metadata["retry"]), RETRY_WAIT_MAX_S)
        not_before = clock.parse_iso(event.time) + wait_s * clock.NS_PER_S
        state.retries[uuid] = Retry(int(metadata["retry"]), not_before, command.action is SetAction.ADD_LIQUIDATION)
    elif "set_by" not in metadata:  # not put back, but set by a request: with a payload that was not refused yet
        state.retries.pop(uuid, None)


def _remove_trigger(state: State, command: SortedSetCommand, uuid: str) -> None:
    position = state.positions.get(uuid)
    if position is not None and position.legs is not None and command.action in _LEG_REMOVALS:
        _drop_leg(position, command.action)
        return
    _SET_OF[command.action](state, command.side).discard(uuid)


_LEG_REMOVALS = frozenset({SetAction.REMOVE_STOP_LOSS, SetAction.REMOVE_TAKE_PROFIT})


def _drop_leg(position: Position, action: SetAction) -> None:
    """Forget a leg that waited for the fill (R8)."""
    legs = position.legs
    if legs is None:
        return
    sl = None if action is SetAction.REMOVE_STOP_LOSS else legs.sltp.sl
    tp = None if action is SetAction.REMOVE_TAKE_PROFIT else legs.sltp.tp
    kept = type(legs.sltp)(sl, tp)
    empty = sl is None and tp is None
    position.legs = None if empty else Legs(kept, legs.settle_message, legs.meta, legs.request_id)


def reached_in_bulk(state: State, command: SortedSetCommand) -> list[str]:
    """Return whom a bulk removal takes out."""
    return [uuid for _, uuids in _reached_in_bulk(state, command) for uuid in uuids]


def _reached_in_bulk(state: State, command: SortedSetCommand) -> Iterator[tuple[TriggerSet | Ledger, list[str]]]:
    if command.price is None:
        raise Corrupt(f"{command.action} needs a price")
    sets, above = _BULK_SETS[command.action, command.side]
    bound = score(command.price)
    for name in sets:
        members: TriggerSet | Ledger = getattr(state.triggers, name)
        yield members, members.at_or_above(bound) if above else members.at_or_below(bound)


def _bulk_remove(state: State, command: SortedSetCommand) -> None:
    for members, reached in _reached_in_bulk(state, command):
        for uuid in reached:
            members.discard(uuid)


_BULK_SETS: dict[tuple[SetAction, Side], tuple[tuple[str, ...], bool]] = {
    (SetAction.BULK_OPEN_LIMIT, LONG): (("open_long",), True),
    (SetAction.BULK_OPEN_LIMIT, SHORT): (("open_short",), False),
    (SetAction.BULK_LIQUIDATION, LONG): (("liquidate_long",), True),
    (SetAction.BULK_LIQUIDATION, SHORT): (("liquidate_short",), False),
    (SetAction.BULK_CLOSE_LIMIT, LONG): (("close_long",), False),
    (SetAction.BULK_CLOSE_LIMIT, SHORT): (("close_short",), True),
    (SetAction.BULK_SLTP, SHORT): (("stop_loss_long", "take_profit_short"), True),
    (SetAction.BULK_SLTP, LONG): (("stop_loss_short", "take_profit_long"), False),
}
"""Which sets a bulk removal clears, and whether above the price (S6)."""


def change_sets(state: State, event: SortedSetDBUpdate) -> None:
    """Put, move or take out what the event names."""
    command = event.command
    if command.uuid is None:
        _bulk_remove(state, command)
    elif command.price is None:
        _remove_trigger(state, command, command.uuid)
    else:
        _put_trigger(state, event, command.uuid, command.price)
