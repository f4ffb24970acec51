"""Whether a typed value can be written by msgspec as it stands.

msgspec writes serde's text for every double but three kinds: non-finite ones (as ``null``), those of
1e16 and above (without the ``+``), and whole numbers that someone has put where a double belongs. A scan
of the doubles is far cheaper than one of the bytes, so this decides which way the encoder takes.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, Final, get_args

import msgspec

from twilight.wire.numbers import EXPONENT_FROM
from twilight.wire.types import Tagged

_FLOATS: Final = {float}


def is_plain(value: object) -> bool:
    """Return whether every double inside is a finite float below 1e16."""
    return _check_of(type(value))(value)


def _compile(cls: type) -> Callable[[Any], bool]:
    if cls is float:
        return lambda number: abs(number) < EXPONENT_FROM
    if issubclass(cls, tuple):
        return lambda items: all(_check_of(type(item))(item) for item in items)
    if issubclass(cls, Tagged):
        return lambda tagged: is_plain(tagged.value)
    if issubclass(cls, msgspec.Struct):
        return _structure(cls)
    # Text, booleans, nothing and dictionaries of texts hold no double; an integer among doubles
    # is found by its structure.
    return lambda _: True


_check_of: Final[Callable[[type], Callable[[Any], bool]]] = cache(_compile)


def _structure(cls: type[msgspec.Struct]) -> Callable[[Any], bool]:
    hints = typing.get_type_hints(cls)
    fields = cls.__struct_fields__
    floats = _getter([name for name in fields if hints[name] is float])
    optional = _getter([name for name in fields if float in get_args(hints[name])])
    nested = _getter([name for name in fields if _holds_doubles(hints[name])])

    def check(value: object) -> bool:
        doubles = floats(value) + tuple(d for d in optional(value) if d is not None)
        if doubles and not (set(map(type, doubles)) == _FLOATS and sum(map(abs, doubles)) < EXPONENT_FROM):
            return False
        return all(_check_of(type(child))(child) for child in nested(value))

    return check


def _holds_doubles(hint: Any) -> bool:  # noqa: ANN401 - a type annotation
    origin = typing.get_origin(hint)
    if origin is types.UnionType:
        return any(_holds_doubles(argument) for argument in get_args(hint))
    if origin is tuple:
        return isinstance(get_args(hint)[0], type) and _holds_doubles(get_args(hint)[0])
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda _: ()
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)
