"""How a table of fields becomes a pair of functions: domain value to wire structure and back.

The domain's records and the wire's structures have the same fields in the same order under different names, so a
shape is made of the two classes and the few fields that are not copied as they are. The functions run for every event
and are therefore written out as source and compiled once, as `dataclasses` does: one attribute after the other, no
loop, no intermediate list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, get_type_hints

import msgspec

from twilight.wire.numbers import EXPONENT_FROM
from twilight.wire.types import Tagged

Function = Callable[..., Any]


class Untranslatable(ValueError):
    """The wire's value has no place in the domain: an unknown text, a fraction where sats are whole."""


class NotPlain(Exception):
    """A number that msgspec would not write as the wire does: not finite, or 1e16 and above."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The directions for one kind of value.

    ``to_json`` gives something that msgspec encodes to the same bytes as what ``to_wire`` gives, without the cost of
    the typed enumerations; it raises `NotPlain` where msgspec's number text would not be the wire's.
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


class _Members(dict[str, StrEnum]):
    def __missing__(self, text: str) -> StrEnum:
        raise Untranslatable(f"expected one of {', '.join(self)}, found {text!r}")


def choice(enumeration: type[StrEnum]) -> Shape:
    """Return the shape of an enumeration: its text on the wire."""
    members = _Members({member.value: member for member in enumeration})
    return Shape(same, members.__getitem__, same)


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


# --- records ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two record classes whose fields correspond by position."""

    domain: type[Any]
    wire: type[Any]
    changed: Mapping[str, Shape]
    names: Sequence[str]
    beside: Sequence[str]

    def to_wire(self) -> Function:
        return self._compiled("to_wire", self.wire, self.names)

    def to_json(self) -> Function:
        return self._compiled("to_json", self.wire, self.names, guard=self._guard())

    def from_wire(self) -> Function:
        return self._compiled("from_wire", self.domain, self.wire.__struct_fields__, beside=self.beside)

    def _compiled(
        self,
        direction: str,
        target: type[Any],
        sources: Sequence[str],
        *,
        guard: str = "",
        beside: Sequence[str] = (),
    ) -> Function:
        """Return the function that makes ``target`` of the attributes ``sources`` of its argument."""
        known: dict[str, Any] = {"target": target, "NotPlain": NotPlain, "limit": EXPONENT_FROM}
        arguments = []
        for place, (name, source) in enumerate(zip(self.names, sources, strict=True)):
            change = getattr(self.changed[name], direction) if name in self.changed else same
            known[f"change_{place}"] = float if change is plain else change  # the guard has looked at it
            arguments.append(f"value.{source}" if change is same else f"change_{place}(value.{source})")
        arguments += beside
        source_text = f"def made({', '.join(['value', *beside])}):\n{guard}    return target({', '.join(arguments)})\n"
        exec(compile(source_text, f"<{target.__name__} {direction}>", "exec"), known)  # noqa: S102 - the table's own text
        made: Function = known["made"]
        return made

    def _guard(self) -> str:
        """Return the check that msgspec writes all doubles as the wire does.

        One sum finds what is not finite or too large; a sum that is only large by itself costs the careful way.
        """
        hints = get_type_hints(self.domain)
        copied = [name for name in self.names if name not in self.changed]
        doubles = [f"value.{name}" for name in copied if hints[name] is float]
        doubles += [f"(value.{name} or 0.0)" for name in copied if hints[name] == float | None]
        checked = [" + ".join(doubles)] if doubles else []
        checked += [f"value.{name}" for name, shape in self.changed.items() if shape.to_json is plain]
        within = " and ".join(f"-limit < {number} < limit" for number in checked)
        return f"    if not ({within}):\n        raise NotPlain\n" if checked else ""


def record(
    domain: type[Any],
    wire: type[Any],
    changed: Mapping[str, Shape] | None = None,
    *,
    beside: Sequence[str] = (),
) -> Shape:
    """Return the shape of two records whose fields correspond by position.

    ``changed`` gives the shapes of the domain fields that are not copied as they are. The domain's last fields
    ``beside`` are not in the wire structure: ``from_wire`` takes them as further arguments.
    """
    names = [field.name for field in fields(domain) if field.name not in beside]
    if len(wire.__struct_fields__) != len(names):
        raise TypeError(f"expected {wire.__name__} to have {len(names)} fields, found {len(wire.__struct_fields__)}")
    pair = _Pair(domain, wire, changed or {}, names, beside)
    return Shape(pair.to_wire(), pair.from_wire(), pair.to_json())


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

    An event's command stands in up to three events of its step, a pool state in four. For one thread only.
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
