"""Events generated from the wire's own type definitions, with texts that a column can hold."""

import types
import typing
from typing import Annotated, Any, Literal

import msgspec
from hypothesis import strategies as st

from twilight.wire.commands import UpdateFeesCommand
from twilight.wire.events import EventHolder
from twilight.wire.times import rfc3339
from twilight.wire.types import I64_MAX, Tagged

TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.integers(0, 4 * 10**18).map(rfc3339)
WHOLE = {"u8": 2**8 - 1, "u32": 2**32 - 1, "u64": I64_MAX, "usize": I64_MAX, "i128": 2**127 - 1}
LEAVES = {float: FLOATS, str: TEXT, bool: st.booleans(), type(None): st.none()}


def values_of(hint: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind of annotation
    """Return a strategy for a type annotation of the wire."""
    if hint in LEAVES:
        return LEAVES[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _marked(arguments[1].extra["wire"], arguments[1].extra)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*(values_of(a) for a in arguments if a is not msgspec.UnsetType))
    if origin is Literal:
        return st.just(arguments[0])
    if origin is tuple:
        return st.lists(st.deferred(lambda: values_of(arguments[0])), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(TEXT, values_of(arguments[1]), max_size=3)
    return st.deferred(lambda: structure(hint))


def _marked(mark: str, extra: dict[str, Any]) -> st.SearchStrategy[Any]:
    if mark in WHOLE:
        return st.integers(-(WHOLE[mark] + 1) if mark == "i128" else 0, WHOLE[mark])
    if mark == "enum":
        return st.sampled_from(extra["names"])
    if mark == "uuid":
        return st.uuids().map(str)
    if mark == "time":
        return TIMES
    count = int(mark.removeprefix("bytes"))
    return st.binary(min_size=count, max_size=count).map(tuple)


def structure(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Return a strategy for a structure or an enumeration with data."""
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {name: hints[name] for name in cls.__struct_fields__}
    if issubclass(cls, Tagged):
        return st.sampled_from(sorted(fields)).flatmap(
            lambda kind: values_of(fields[kind]).map(lambda value: cls.of(kind, value))
        )
    return st.tuples(*(values_of(hint) for hint in fields.values())).map(lambda values: cls(*values))


def has_a_column(holder: Any) -> bool:
    """Return whether every value of the event has a column: a fee update tells of fees and nothing else."""
    return holder.kind != "FeeUpdate" or isinstance(holder.value.command.value, UpdateFeesCommand)


EVENTS = structure(EventHolder).filter(has_a_column)
