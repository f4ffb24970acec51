"""Every type of the wire, generated from its own definition, survives both codecs; no bytes break them."""

import json
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twilight.wire import bincode
from twilight.wire.client_messages import FORMS, QueryMessage
from twilight.wire.codec import Codec, encode
from twilight.wire.commands import RelayerCommand, RpcCommand, decode_command, encode_command
from twilight.wire.errors import QUARANTINE_REASONS, Quarantine
from twilight.wire.events import EVENT_KINDS, EventHolder, StopEvent, decode_event, encode_event
from twilight.wire.keys import EventKey, decode_key, encode_key
from twilight.wire.transactions import Transaction
from twilight.wire.types import LendOrder, Output, Tagged, TraderOrder, TxHashData

TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = {
    "u8": (0, 2**8 - 1),
    "u32": (0, 2**32 - 1),
    "u64": (0, 2**64 - 1),
    "usize": (0, 2**64 - 1),
    "i128": (-(2**127), 2**127 - 1),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a type annotation of the wire."""
    leaves = {float: FLOATS, str: TEXT, bool: st.booleans(), bytes: st.binary(max_size=8), type(None): st.none()}
    if hint in leaves:
        return leaves[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in COMPOSITES:
        return COMPOSITES[origin](*arguments)
    return st.deferred(lambda: structure(hint))


def union(*arguments: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for one of several types."""
    return st.one_of(*(values_of(a) for a in arguments if a is not msgspec.UnsetType))


def marked(_: Any, bound: msgspec.Meta) -> st.SearchStrategy[Any]:
    """Return a strategy for a marked leaf."""
    extra = bound.extra or {}
    mark = extra["wire"]
    if mark in WHOLE:
        return st.integers(*WHOLE[mark])
    if mark == "enum":
        return st.sampled_from(extra["names"])
    if mark == "uuid":
        return st.uuids().map(str)
    if mark == "time":
        return TEXT
    count = int(mark.removeprefix("bytes"))
    return st.binary(min_size=count, max_size=count).map(tuple)


COMPOSITES: dict[Any, Callable[..., st.SearchStrategy[Any]]] = {
    Annotated: marked,
    types.UnionType: union,
    typing.Union: union,
    Literal: st.just,
    tuple: lambda item, _: st.lists(st.deferred(lambda: values_of(item)), max_size=2).map(tuple),
    dict: lambda _, value: st.dictionaries(TEXT, values_of(value), max_size=3),
}


def structure(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Return a strategy for a structure or an enumeration with data."""
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {name: hints[name] for name in cls.__struct_fields__}
    if issubclass(cls, Tagged):
        return st.sampled_from(sorted(fields)).flatmap(
            lambda kind: values_of(fields[kind]).map(lambda value: cls.of(kind, value))
        )
    return st.tuples(*(values_of(hint) for hint in fields.values())).map(lambda values: cls(*values))


def refusal_of(decode: Callable[[bytes], object], value: bytes) -> str | None:
    """Return why the bytes are refused, nothing if they are read; every other exception is a failure."""
    try:
        decode(value)
    except Quarantine as refusal:
        return refusal.reason
    return None


ENVELOPES = st.deferred(lambda: structure(EventHolder))


@given(ENVELOPES)
@settings(max_examples=120, deadline=None)
def test_every_event_that_can_be_built_comes_back_equal_and_as_the_same_bytes(holder: EventHolder) -> None:
    event = StopEvent(holder.value) if isinstance(holder.value, str) else holder.value
    written = encode_event(event)
    assert decode_event(written, None) == event
    assert encode_event(decode_event(written, None)) == written


@given(structure(RpcCommand))
@settings(max_examples=80, deadline=None)
def test_every_command_that_can_be_built_comes_back_equal_and_as_the_same_bytes(command: RpcCommand) -> None:
    written = encode_command(command)
    assert decode_command(written) == command
    assert encode_command(decode_command(written)) == written


@given(structure(EventHolder))
@settings(max_examples=100, deadline=None)
def test_the_careful_way_reads_what_the_fast_way_reads(holder: EventHolder) -> None:
    codec = Codec(EventHolder)
    assert codec.decode_carefully(encode(holder)) == holder


@given(structure(EventKey))
@settings(max_examples=50, deadline=None)
def test_every_key_comes_back_equal(key: EventKey) -> None:
    assert decode_key(encode_key(key)) == key


BINARY = [*(form for forms in FORMS.values() for form in forms), QueryMessage, Transaction, Output]


@pytest.mark.parametrize("kind", BINARY, ids=lambda kind: kind.__name__)
def test_every_binary_message_comes_back_equal_and_as_the_same_bytes(kind: type[Any]) -> None:
    @given(structure(kind))
    @settings(max_examples=25, deadline=None)
    def check(value: Any) -> None:
        data = bincode.encode(value)
        assert bincode.decode(kind, data) == value
        with pytest.raises(Quarantine):
            bincode.decode(kind, data + b"\0")
        with pytest.raises(Quarantine):
            bincode.decode(kind, data[:-1])

    check()


@given(st.binary(max_size=200))
@example(b"")
@example(b"[" * 100_000)
@example(b'{"TraderOrder":' * 50_000)
@example(b'{"Stop":' + b"1" * 100_000 + b"}")
@example(b'{"Stop":"\\ud800"}')
@example(b"\xff\xfe{\x00}\x00")
@settings(max_examples=120, deadline=None)
def test_random_bytes_are_quarantined_and_nothing_else_happens(value: bytes) -> None:
    for decode in (decode_command, lambda data: decode_event(data, 0)):
        with pytest.raises(Quarantine) as refusal:
            decode(value)
        assert refusal.value.reason in QUARANTINE_REASONS
    assert decode_key(value) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXT | st.just("\0") | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.sampled_from(EVENT_KINDS), inner, max_size=3),
    max_leaves=12,
)


@given(st.sampled_from([*EVENT_KINDS, *RpcCommand.__struct_fields__]), JSON)
@settings(max_examples=120, deadline=None)
def test_any_payload_under_a_known_name_is_read_or_quarantined(kind: str, payload: object) -> None:
    value = json.dumps({kind: payload}).encode()
    for decode in (decode_command, lambda data: decode_event(data, 0)):
        assert refusal_of(decode, value) in (None, *QUARANTINE_REASONS)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_a_damaged_event_is_read_or_quarantined(data: st.DataObject) -> None:
    holder = data.draw(ENVELOPES)
    value = bytearray(encode(holder))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    assert refusal_of(lambda damaged: decode_event(damaged, 0), bytes(value)) in (None, *QUARANTINE_REASONS)


@given(st.sampled_from(BINARY), st.binary(max_size=300))
@settings(max_examples=120, deadline=None)
def test_random_bytes_are_no_binary_message_or_are_one_exactly(kind: type[Any], data: bytes) -> None:
    again = []
    refusal = refusal_of(lambda found: again.append(bincode.encode(bincode.decode(kind, found))), data)
    assert (refusal, again) in ((None, [data]), ("BAD_BINARY", []))


@given(st.data(), st.sampled_from(BINARY))
@settings(max_examples=50, deadline=None)
def test_a_flipped_bit_changes_a_binary_message_or_is_refused(data: st.DataObject, kind: type[Any]) -> None:
    value = data.draw(structure(kind))
    raw = bytearray(bincode.encode(value))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        damaged = bincode.decode(kind, bytes(raw))
    except Quarantine:
        return
    assert damaged != value
    assert bincode.encode(damaged) == bytes(raw)


@pytest.mark.parametrize("kind", [TraderOrder, LendOrder, TxHashData, RelayerCommand])
def test_a_structure_may_be_given_as_the_array_of_its_members(kind: type[Any]) -> None:
    @given(structure(kind))
    @settings(max_examples=20, deadline=None)
    def check(value: Any) -> None:
        codec = Codec(kind)
        given_as = value if issubclass(kind, Tagged) else list(msgspec.to_builtins(value).values())
        assert codec.decode(msgspec.json.encode(given_as)) == value

    check()
