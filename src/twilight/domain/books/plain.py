"""Small records as plain structures and back, by their type hints: lists, texts, numbers and None only."""

from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def to_plain(value: Any) -> Any:  # noqa: ANN401  # any record
    """Return dataclasses as lists of their fields, enums as their values, bytes as hex."""
    if is_dataclass(value):
        return [to_plain(getattr(value, one.name)) for one in fields(value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: to_plain(member) for key, member in value.items()}
    return value


def from_plain(hint: Any, value: Any) -> Any:  # noqa: ANN401  # any record
    """Return what `to_plain` was given, a value of the hinted type."""
    if value is None:
        return None
    if isinstance(hint, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is dict:
        member = get_args(hint)[1]
        return {key: from_plain(member, one) for key, one in value.items()}
    if is_dataclass(hint):
        return _record(hint, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    return bytes.fromhex(value) if hint is bytes else value


def _record(hint: Any, values: list[Any]) -> Any:  # noqa: ANN401  # any record
    hints = get_type_hints(hint)
    names = [one.name for one in fields(hint)]
    return hint(**{name: from_plain(hints[name], value) for name, value in zip(names, values, strict=True)})
