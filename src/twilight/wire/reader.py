"""The careful reader: a parsed JSON value of any known shape becomes the typed structure of today.

It is compiled once per type from the same annotations that msgspec uses, and accepts what the Rust
reader accepts (wire.md 2.9) and every older shape (3.4). What a class needs to be read from its past
stands in the class: ``ABSENT`` (values of members that were added later) and ``older`` (rearrangement).
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from twilight.wire import errors
from twilight.wire.errors import Quarantine
from twilight.wire.times import NS_PER_S, rfc3339, rfc3339_from_ms
from twilight.wire.types import Tagged, Wire

OnExtra = Callable[[str, str], None]


class Repeated(dict[str, Any]):
    """An object with a doubled member: as metadata the last wins, as a structure it is an error."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a reading needs beside the value: the record's time, and whom to tell about extra members."""

    broker_ts_ms: int | None = None
    on_extra: OnExtra | None = None
    for_writing: bool = False

    def record_time(self) -> str:
        """Return the record's timestamp as text, for events that carried no time."""
        if self.broker_ts_ms is None:
            raise Quarantine(errors.MISSING_MEMBER, "expected a time, and the record has no timestamp")
        try:
            return rfc3339_from_ms(self.broker_ts_ms)
        except OverflowError:
            raise Quarantine(errors.OUT_OF_RANGE, f"the record's timestamp is {self.broker_ts_ms} ms") from None

    def tell_extra(self, owner: str, member: str) -> None:
        """Tell about a member that the typed form ignores."""
        if self.on_extra is not None:
            self.on_extra(owner, member)


Reader = Callable[[Any, Reading, str], Any]


def _refuse_repeated(found: object, path: str) -> None:
    if type(found) is Repeated:
        raise Quarantine(errors.DUPLICATE_MEMBER, f"{path}: a member stands twice")


def wrong(path: str, expected: str, found: object) -> Quarantine:
    """Return the refusal of a value of the wrong JSON type."""
    return Quarantine(errors.WRONG_TYPE, f"{path}: expected {expected}, found {_shown(found)}")


def _shown(found: object) -> str:
    return f"{type(found).__name__} {str(found)[:40]!r}" if isinstance(found, str | int | float) else str(type(found))


# --- leaves -----------------------------------------------------------------------------------------


def _float(found: Any, reading: Reading, path: str) -> float:  # noqa: ANN401 - any JSON value
    if found is None and not reading.for_writing:
        return math.nan  # what Rust writes for a number that is not finite
    if type(found) is float:
        return _finite(found, path)
    if type(found) is not int:
        raise wrong(path, "a number", found)
    try:
        return float(found)
    except OverflowError:
        raise Quarantine(errors.NON_FINITE, f"{path}: the integer is beyond f64") from None


def _finite(number: float, path: str) -> float:
    if not math.isfinite(number):
        raise Quarantine(errors.NON_FINITE, f"{path}: expected a finite number, found {number}")
    return number


def _integer(low: int, high: int) -> Reader:
    def read(found: Any, _: Reading, path: str) -> int:  # noqa: ANN401 - any JSON value
        if type(found) is not int:
            raise wrong(path, "an integer", found)
        if not low <= found <= high:
            raise Quarantine(errors.OUT_OF_RANGE, f"{path}: expected {low} to {high}, found {found.bit_length()} bits")
        return found

    return read


def _exactly(kind: type, name: str) -> Reader:
    def read(found: Any, _: Reading, path: str) -> Any:  # noqa: ANN401 - any JSON value
        if type(found) is not kind:
            raise wrong(path, name, found)
        return found

    return read


_text: Final = _exactly(str, "a text")


def _uuid(found: Any, reading: Reading, path: str) -> str:  # noqa: ANN401 - any JSON value
    text = _text(found, reading, path)
    bare = text.removeprefix("urn:uuid:")
    bare = bare[1:-1] if bare.startswith("{") and bare.endswith("}") and bare is text else bare
    hyphens = [i for i, c in enumerate(bare) if c == "-"]
    digits = bare.replace("-", "")
    if hyphens not in ([], [8, 13, 18, 23]) or len(digits) != 32 or not digits.isalnum() or not digits.isascii():  # noqa: PLR2004 - 16 bytes
        raise wrong(path, "a UUID", found)
    try:
        return str(UUID(hex=digits))
    except ValueError:
        raise wrong(path, "a UUID", found) from None


def _enum(found: Any, reading: Reading, path: str) -> str:  # noqa: ANN401 - any JSON value
    if type(found) is dict and len(found) == 1 and next(iter(found.values())) is None:
        return str(next(iter(found)))  # serde accepts {"Name":null} for a variant without data
    return str(_text(found, reading, path))


def _time(found: Any, reading: Reading, path: str) -> str:  # noqa: ANN401 - any JSON value
    if type(found) is dict and found.keys() == {"secs_since_epoch", "nanos_since_epoch"}:
        found = [found["secs_since_epoch"], found["nanos_since_epoch"]]
    if type(found) is list and len(found) == 2:  # noqa: PLR2004 - seconds, nanoseconds
        seconds = _INTEGERS["u64"](found[0], reading, path)
        nanos = _INTEGERS["u32"](found[1], reading, path)
        try:
            return rfc3339(seconds * NS_PER_S + nanos)
        except OverflowError:
            raise Quarantine(errors.OUT_OF_RANGE, f"{path}: the time is beyond the year 9999") from None
    return str(_text(found, reading, path))


_INTEGERS: Final = {
    "usize": _integer(0, 2**64 - 1),
    "u64": _integer(0, 2**64 - 1),
    "u32": _integer(0, 2**32 - 1),
    "u8": _integer(0, 2**8 - 1),
    "i128": _integer(-(2**127), 2**127 - 1),
}
_MARKED: Final[dict[str, Reader]] = {"uuid": _uuid, "enum": _enum, "time": _time, **_INTEGERS}
_LEAVES: Final[dict[Any, Reader]] = {float: _float, str: _text, bool: _exactly(bool, "true or false")}


# --- composites -------------------------------------------------------------------------------------


def _compile(hint: Any) -> Reader:  # noqa: ANN401 - a type annotation
    if hint in _LEAVES:
        return _LEAVES[hint]
    origin = typing.get_origin(hint)
    if origin in _COMPOSITES:
        return _COMPOSITES[origin](*_arguments(hint))
    return _tagged(hint) if issubclass(hint, Tagged) else _structure(hint)


# The reader of a type annotation.
reader_of: Final[Callable[[Any], Reader]] = cache(_compile)


def _arguments(hint: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a type annotation
    return tuple(argument for argument in typing.get_args(hint) if argument is not Ellipsis)


def _annotated(base: Any, bound: msgspec.Meta) -> Reader:  # noqa: ANN401 - a type annotation
    mark: str = (bound.extra or {})["wire"]
    if mark in _MARKED:
        return _MARKED[mark]
    return _array(_arguments(base)[0], int(mark.removeprefix("bytes")))


def _union(*arguments: Any) -> Reader:  # noqa: ANN401 - type annotations
    hints = [a for a in arguments if a not in (type(None), msgspec.UnsetType)]
    literals = [h for h in hints if typing.get_origin(h) is Literal]
    inner = reader_of(next(h for h in hints if h not in literals))
    unit = reader_of(literals[0]) if literals else None
    optional = type(None) in arguments

    def read(found: Any, reading: Reading, path: str) -> Any:  # noqa: ANN401 - any JSON value
        if found is None and optional:
            return None
        if unit is not None and (type(found) is str or (type(found) is dict and None in found.values())):
            return unit(found, reading, path)
        return inner(found, reading, path)

    return read


def _literal(text: str) -> Reader:
    def read(found: Any, reading: Reading, path: str) -> str:  # noqa: ANN401 - any JSON value
        if _enum(found, reading, path) != text:
            raise Quarantine(errors.UNKNOWN_VARIANT, f"{path}: expected {text}, found {_shown(found)}")
        return text

    return read


def _array(item: Any, length: int | None = None) -> Reader:  # noqa: ANN401 - a type annotation
    inner = reader_of(item)

    def read(found: Any, reading: Reading, path: str) -> tuple[Any, ...]:  # noqa: ANN401 - any JSON value
        if type(found) not in (list, tuple):  # a tuple is one of ours that is about to be written
            raise wrong(path, "an array", found)
        if length is not None and len(found) != length:
            raise wrong(path, f"an array of {length}", len(found))
        return tuple(inner(value, reading, f"{path}[{i}]") for i, value in enumerate(found))

    return read


def _mapping(_: Any, value_hint: Any) -> Reader:  # noqa: ANN401 - a type annotation
    inner = reader_of(value_hint)

    def read(found: Any, reading: Reading, path: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
        if not isinstance(found, dict):
            raise wrong(path, "an object", found)
        return {name: inner(value, reading, f"{path}.{name}") for name, value in found.items()}

    return read


_COMPOSITES: Final[dict[Any, Callable[..., Reader]]] = {
    Annotated: _annotated,
    types.UnionType: _union,
    typing.Union: _union,
    Literal: _literal,
    tuple: _array,
    dict: _mapping,
}


def _tagged(cls: type[Tagged]) -> Reader:
    # Compiled on first use, because commands contain each other.
    hints = cache(lambda: typing.get_type_hints(cls, include_extras=True))

    def read(found: Any, reading: Reading, path: str) -> Tagged:  # noqa: ANN401 - any JSON value
        _refuse_repeated(found, path)
        if type(found) is not dict or len(found) != 1:
            raise wrong(path, f"an object with the one variant of {cls.__name__}", found)
        ((kind, payload),) = found.items()
        if kind not in cls.__struct_fields__:
            raise Quarantine(errors.UNKNOWN_VARIANT, f"{path}: {cls.__name__} has no variant {kind[:60]!r}")
        return cls.of(kind, reader_of(hints()[kind])(payload, reading, f"{path}.{kind}"))

    return read


def _structure(cls: type[Wire]) -> Reader:
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {name: reader_of(hints[name]) for name in cls.__struct_fields__}
    options = [name for name, hint in hints.items() if type(None) in typing.get_args(hint)]
    absent = {**dict.fromkeys(options), **cls.ABSENT}
    members = _elements if cls.__struct_config__.array_like else _members

    def read(found: Any, reading: Reading, path: str) -> Wire:  # noqa: ANN401 - any JSON value
        given = members(cls, cls.older(found, reading.record_time), reading, path)
        values = []
        for name, inner in fields.items():
            if name in given:
                values.append(inner(given[name], reading, f"{path}.{name}"))
            elif name in absent:
                values.append(absent[name])
            else:
                raise Quarantine(errors.MISSING_MEMBER, f"{path}: {cls.__name__} has no {name}")
        return cls(*values)

    return read


def _members(cls: type[Wire], found: Any, reading: Reading, path: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if type(found) is list:  # serde accepts a structure as the array of its members
        return _elements(cls, found, reading, path)
    _refuse_repeated(found, path)
    if type(found) is not dict:
        raise wrong(path, f"an object ({cls.__name__})", found)
    for name in found.keys() - set(cls.__struct_fields__):
        reading.tell_extra(cls.__name__, name)
    return found


def _elements(cls: type[Wire], found: Any, reading: Reading, path: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if type(found) is not list:
        raise wrong(path, f"an array ({cls.__name__})", found)
    for position in range(len(cls.__struct_fields__), len(found)):
        reading.tell_extra(cls.__name__, f"[{position}]")
    return dict(zip(cls.__struct_fields__, found, strict=False))
