"""Changes of trigger sets, position totals and exposure: one domain class each, many wire variants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twilight.domain.model import events
from twilight.wire import commands as wire
from twilight.wire.translate.records import SIDE
from twilight.wire.translate.shapes import WHOLE, Shape, Untranslatable, plain
from twilight.wire.types import Tagged

Number = Callable[[Any], float]
Payload = Callable[[Any, Number], Any]


def _change(tagged: type[Tagged], payload: Payload, from_wire: Callable[[Any], Any]) -> Shape:
    """Return the shape of a class whose ``action`` is the variant's name."""
    return Shape(
        lambda command: tagged(**{command.action: payload(command, float)}),
        from_wire,
        lambda command: {command.action: payload(command, plain)},
    )


def _set_payload(command: events.SortedSetCommand, number: Number) -> object:
    if command.price is None:
        return wire.SetRemove(command.uuid or "", command.side)
    if command.uuid is None:
        return wire.SetBulkRemove(number(command.price), command.side)
    return wire.SetPrice(command.uuid, number(command.price), command.side)


def _set_from_wire(command: wire.SortedSetCommand) -> events.SortedSetCommand:
    kind, body = command.variant()
    side = SIDE.from_wire(getattr(body, "position_type", None))
    uuid, price = getattr(body, "uuid", None), getattr(body, "price", None)
    return events.SortedSetCommand(events.SetAction(kind), uuid, price, side)


SORTED_SET_COMMAND = _change(wire.SortedSetCommand, _set_payload, _set_from_wire)


def _amount(body: object) -> tuple[Any, Any]:
    if not isinstance(body, wire.SideAmount):
        raise Untranslatable(f"expected a side and an amount, found {body!r}")
    return SIDE.from_wire(body.position_type), WHOLE.from_wire(body.amount)


def _size_from_wire(command: wire.PositionSizeLogCommand) -> events.PositionSizeLogCommand:
    kind, body = command.variant()
    return events.PositionSizeLogCommand(events.SizeAction(kind), *_amount(body))


POSITION_SIZE_LOG_COMMAND = _change(
    wire.PositionSizeLogCommand,
    lambda command, number: wire.SideAmount(command.side, number(command.size)),
    _size_from_wire,
)


def _risk_payload(command: events.RiskEngineCommand, number: Number) -> object:
    if command.side is None:
        return command.enabled
    return wire.SideAmount(command.side, number(command.amount_sats))


def _risk_from_wire(command: wire.RiskEngineCommand | str) -> events.RiskEngineCommand:
    if isinstance(command, str):
        return events.RiskEngineCommand(events.RiskAction(command))
    kind, body = command.variant()
    action = events.RiskAction(kind)
    if isinstance(body, bool):
        return events.RiskEngineCommand(action, enabled=body)
    return events.RiskEngineCommand(action, *_amount(body))


_EXPOSURE = _change(wire.RiskEngineCommand, _risk_payload, _risk_from_wire)
_RECALCULATE = events.RiskAction.RECALCULATE_EXPOSURE

RISK_ENGINE_COMMAND = Shape(
    lambda command: wire.RECALCULATE if command.action is _RECALCULATE else _EXPOSURE.to_wire(command),
    _risk_from_wire,
    lambda command: wire.RECALCULATE if command.action is _RECALCULATE else _EXPOSURE.to_json(command),
)
