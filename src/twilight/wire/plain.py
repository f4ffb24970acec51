"""Whether a typed value can be written by msgspec as it stands.

msgspec writes serde's text for every double but three kinds: non-finite ones (as ``null``), those of
1e16 and above (without the ``+``), and whole numbers that someone has put where a double belongs. A scan
of the doubles is far cheaper than one of the bytes, so this decides which way the encoder takes.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, get_args

import msgspec
from msgspec import UNSET

from twilight.wire.numbers import EXPONENT_FROM
from twilight.wire.types import Tagged

Check = Callable[[Any], bool]

_FLOATS: Final = {float}
_NO_DOUBLES: Final = (int, str, bytes, bool, type(None), dict)


def is_plain(value: object) -> bool:
    """Return whether every double inside is a finite float below 1e16."""
    return _CHECKS[type(value)](value)


class _Checks(dict[type, Check]):
    """The check of each type, compiled when it is first met."""

    def __missing__(self, cls: type) -> Check:
        check = _compile(cls)
        self[cls] = check
        return check


_CHECKS: Final = _Checks({cls: lambda _: True for cls in _NO_DOUBLES})


def _compile(cls: type) -> Check:
    if cls is float:
        return lambda number: abs(number) < EXPONENT_FROM
    if issubclass(cls, Tagged):
        return _tagged
    if issubclass(cls, msgspec.Struct):
        return _structure(cls)
    if issubclass(cls, tuple):
        return _all
    return lambda _: False  # no type of the wire: the careful way says what is wrong


def _all(items: tuple[Any, ...]) -> bool:
    for item in items:  # noqa: SIM110 - a loop costs a third of a generator, and this runs for every message
        if not _CHECKS[type(item)](item):
            return False
    return True


def _tagged(tagged: Tagged) -> bool:
    for payload in msgspec.structs.astuple(tagged):
        if payload is not UNSET:
            return _CHECKS[type(payload)](payload)
    return False


def _are_plain(doubles: tuple[float, ...]) -> bool:
    # A sum that is not below the bound has a member that is not, or is NaN.
    return set(map(type, doubles)) == _FLOATS and sum(map(abs, doubles)) < EXPONENT_FROM


def _structure(cls: type[msgspec.Struct]) -> Check:
    hints = typing.get_type_hints(cls)
    fields = cls.__struct_fields__
    floats = _getter([name for name in fields if hints[name] is float])
    optional = _getter([name for name in fields if float in get_args(hints[name])])
    nested = _getter([name for name in fields if _holds_doubles(hints[name])])

    def check(value: object) -> bool:
        if floats is not None and not _are_plain(floats(value)):
            return False
        if optional is not None:
            given = tuple(double for double in optional(value) if double is not None)
            if given and not _are_plain(given):
                return False
        return nested is None or _all(nested(value))

    return check


def _holds_doubles(hint: Any) -> bool:  # noqa: ANN401 - a type annotation
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_holds_doubles(argument) for argument in get_args(hint))
    if origin is tuple:
        return _holds_doubles(get_args(hint)[0])
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]] | None:
    if not names:
        return None
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)
