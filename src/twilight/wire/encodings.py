"""Whether every point and scalar inside a message is the canonical encoding of one (decisions E8)."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from msgspec import UNSET

from twilight.wire import errors, ristretto
from twilight.wire.errors import Quarantine
from twilight.wire.types import Wire

Parts = Callable[[Any], Iterator[tuple[str, bytes]]]

_IS_CANONICAL: Final[dict[str, Callable[[bytes], bool]]] = {
    "point": ristretto.is_point,
    "scalar": ristretto.is_scalar,
}


def check_encodings(message: Wire) -> None:
    """Return if every point and scalar of a message is canonical.

    Raises:
        Quarantine: ``BAD_BINARY``: one is not.
    """
    for kind, encoding in _parts_of(type(message))(message):
        if not _IS_CANONICAL[kind](encoding):
            raise Quarantine(errors.BAD_BINARY, f"expected a canonical {kind}, found {encoding.hex()}")


def _compile(hint: Any) -> Parts:  # noqa: ANN401 - a type annotation
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated and "group" in (arguments[1].extra or {}):
        kind = arguments[1].extra["group"]
        return lambda value: iter([(kind, bytes(value))])
    if origin is tuple:
        return lambda items: (part for item in items for part in _parts_of(arguments[0])(item))
    if origin in (types.UnionType, typing.Union):
        (inner,) = (a for a in arguments if a not in (type(None), msgspec.UnsetType))
        return lambda value: iter(()) if value in (None, UNSET) else _parts_of(inner)(value)
    if isinstance(hint, type) and issubclass(hint, Wire):
        return lambda value: _members(hint, value)
    return lambda _: iter(())


_parts_of: Final[Callable[[Any], Parts]] = cache(_compile)


def _members(cls: type[Wire], value: Wire) -> Iterator[tuple[str, bytes]]:
    hints = _hints(cls)
    for name in cls.__struct_fields__:
        yield from _parts_of(hints[name])(getattr(value, name))


@cache
def _hints(cls: type[Wire]) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)
