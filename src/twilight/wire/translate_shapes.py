"""How a table of fields becomes a pair of functions: domain value to wire structure and back.

The domain's records and the wire's structures have the same fields in the same order under different names,
so a shape is made of the two classes and the few fields that are not copied as they are. What is built here
runs for every event, so it leans on `attrgetter` and positional construction, which work in C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from twilight.wire.numbers import EXPONENT_FROM
from twilight.wire.types import Tagged

Function = Callable[[Any], Any]


class Untranslatable(ValueError):
    """The wire's value has no place in the domain: an unknown text, a fraction where sats are whole."""


class NotPlain(Exception):
    """A number that msgspec would not write as the wire does: not finite, or 1e16 and above."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The directions for one kind of value.

    ``to_json`` gives something that msgspec encodes to the same bytes as what ``to_wire`` gives, without
    the cost of the typed enumerations; it raises `NotPlain` where msgspec's number text would not be the
    wire's.
    """

    to_wire: Function
    from_wire: Function
    to_json: Function


def same(value: object) -> object:
    """Return the value: it is the same on both sides."""
    return value


SAME = Shape(same, same, same)


def optional(shape: Shape) -> Shape:
    """Return the shape of a value that may be None."""

    def unless_none(change: Function) -> Function:
        return lambda value: None if value is None else change(value)

    return Shape(unless_none(shape.to_wire), unless_none(shape.from_wire), unless_none(shape.to_json))


def sequence(shape: Shape) -> Shape:
    """Return the shape of a list in the domain, a tuple on the wire."""
    to_wire, from_wire, to_json = shape.to_wire, shape.from_wire, shape.to_json
    return Shape(
        lambda values: tuple(map(to_wire, values)),
        lambda values: list(map(from_wire, values)),
        lambda values: list(map(to_json, values)),
    )


def choice(enumeration: type[StrEnum]) -> Shape:
    """Return the shape of an enumeration: its text on the wire."""
    members: dict[str, StrEnum] = {member.value: member for member in enumeration}

    def from_wire(text: str) -> StrEnum:
        try:
            return members[text]
        except KeyError:
            raise Untranslatable(f"expected one of {', '.join(members)}, found {text!r}") from None

    return Shape(same, from_wire, same)


def _whole(value: float) -> int:
    if value.is_integer():
        return int(value)
    raise Untranslatable(f"expected a whole number, found {value!r}")


def plain(value: float) -> float:
    """Return the number as a double that msgspec writes as the wire does; raises `NotPlain`."""
    if -EXPONENT_FROM < value < EXPONENT_FROM:
        return float(value)
    raise NotPlain


WHOLE = Shape(float, _whole, plain)
"""An exact integer in the domain, a double on the wire."""


def record(domain: type[Any], wire: type[Any], changed: Mapping[str, Shape] | None = None) -> Shape:
    """Return the shape of two records whose fields correspond by position.

    ``changed`` gives the shapes of the domain fields that are not copied as they are.
    """
    to_wire, from_wire, to_json = values_of(domain, wire, changed or {})
    return Shape(
        lambda value: wire(*to_wire(value)),
        lambda value: domain(*from_wire(value)),
        lambda value: wire(*to_json(value)),
    )


def values_of(
    domain: type[Any], wire: type[Any], changed: Mapping[str, Shape], *, beside: Sequence[str] = ()
) -> tuple[Function, Function, Function]:
    """Return what reads the field values for `to_wire`, `from_wire` and `to_json`.

    The domain fields ``beside`` are not in the wire structure.
    """
    names = [field.name for field in fields(domain) if field.name not in beside]
    wire_names: tuple[str, ...] = wire.__struct_fields__
    if len(wire_names) != len(names):
        raise TypeError(f"expected {wire.__name__} to have {len(names)} fields, found {len(wire_names)}")
    places = {names.index(name): shape for name, shape in changed.items()}
    to_json = _reader(names, {place: shape.to_json for place, shape in places.items()})
    return (
        _reader(names, {place: shape.to_wire for place, shape in places.items()}),
        _reader(wire_names, {place: shape.from_wire for place, shape in places.items()}),
        _checked(to_json, domain, [name for name in names if name not in changed]),
    )


def _reader(names: Sequence[str], changes: Mapping[int, Function]) -> Function:
    """Return a function that reads the named attributes and changes those at some places."""
    changed = [(place, change) for place, change in changes.items() if change is not same]
    read = _attributes(names)
    if not changed:
        return read

    def read_and_change(value: object) -> list[Any]:
        values = list(read(value))
        for place, change in changed:
            values[place] = change(values[place])
        return values

    return read_and_change


def _attributes(names: Sequence[str]) -> Function:
    """Return a function that gives the named attributes as a tuple, however many they are."""
    if not names:
        return lambda _: ()
    if len(names) == 1:
        read_one = attrgetter(names[0])
        return lambda value: (read_one(value),)
    return attrgetter(*names)


def _checked(read: Function, domain: type[Any], names: Sequence[str]) -> Function:
    """Return ``read``, guarded: msgspec must write the doubles among ``names`` as the wire does.

    One sum finds what is not finite or too large; a sum that is only large by itself costs the careful way,
    no more.
    """
    hints = get_type_hints(domain)
    doubles = [name for name in names if hints[name] is float]
    optional_doubles = [name for name in names if hints[name] == float | None]
    if not doubles and not optional_doubles:
        return read
    certain, maybe = _attributes(doubles), _attributes(optional_doubles)

    def read_checked(value: object) -> Any:  # noqa: ANN401 - a tuple or list of field values
        if not -EXPONENT_FROM < sum(certain(value)) < EXPONENT_FROM:
            raise NotPlain
        return read(value)

    def read_all_checked(value: object) -> Any:  # noqa: ANN401 - a tuple or list of field values
        if not -EXPONENT_FROM < sum(filter(None, maybe(value))) < EXPONENT_FROM:
            raise NotPlain
        return read_checked(value)

    return read_all_checked if optional_doubles else read_checked


def union(tagged: type[Tagged], variants: Mapping[str, tuple[type[Any], Shape]]) -> Shape:
    """Return the shape of an enumeration with data; ``variants`` gives the domain class of each wire name."""
    by_class = {domain: (kind, shape.to_wire) for kind, (domain, shape) in variants.items()}
    json_by_class = {domain: (kind, shape.to_json) for kind, (domain, shape) in variants.items()}
    by_kind = {kind: shape.from_wire for kind, (_, shape) in variants.items()}

    def to_wire(value: object) -> Tagged:
        kind, change = by_class[type(value)]
        return tagged(**{kind: change(value)})

    def from_wire(value: Tagged) -> object:
        kind, payload = value.variant()
        return by_kind[kind](payload)

    def to_json(value: object) -> dict[str, object]:
        kind, change = json_by_class[type(value)]
        return {kind: change(value)}

    return Shape(to_wire, from_wire, to_json)


ENCODER = msgspec.json.Encoder(order="deterministic")
"""Members of metadata sorted by their bytes (wire 2.7); structures keep their order."""


def encoded_once(shape: Shape, kept: int = 1) -> Shape:
    """Return a shape that encodes an object once and gives the bytes while the same object comes again.

    An event's command stands in up to three events of its step, a pool state in four.
    """
    known: dict[int, tuple[object, msgspec.Raw]] = {}
    to_json = shape.to_json

    def memoised(value: object) -> msgspec.Raw:
        found = known.get(id(value))
        if found is not None and found[0] is value:
            return found[1]
        if len(known) >= kept:
            del known[next(iter(known))]
        raw = msgspec.Raw(ENCODER.encode(to_json(value)))
        known[id(value)] = (value, raw)  # holding the object keeps its id its own
        return raw

    return Shape(shape.to_wire, shape.from_wire, memoised)
