"""bincode 1.3 with default options, driven by the wire's own structures (wire.md 8.1).

Little-endian, fixed width, no names: what a structure's annotations say is the layout. Reading is strict,
because a message is signed and counted as its bytes: one value has one encoding, every length is bounded
by the bytes that are there, and nothing may follow the value (decisions F7).
"""

from __future__ import annotations

import math
import struct
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, NoReturn, TypeVar
from uuid import UUID

import msgspec

from twilight.wire import errors
from twilight.wire.errors import Quarantine, Unencodable
from twilight.wire.types import Tagged, Wire

T = TypeVar("T")

# The largest payload of a command, so that every event that carries it fits the log (decisions E4).
HEX_CHARACTERS_MAX: Final = 262_144


class Cursor:
    """Bytes being read, and how far."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes; there must be so many."""
        end = self.position + count
        if end > len(self.data):
            self.refuse(f"expected {count} more bytes, found {len(self.data) - self.position}")
        found = self.data[self.position : end]
        self.position = end
        return found

    def refuse(self, detail: str) -> NoReturn:
        """Raise the refusal of the bytes at this position."""
        raise Quarantine(errors.BAD_BINARY, f"byte {self.position}: {detail}")


class Layout(NamedTuple):
    """Both directions of one type."""

    read: Callable[[Cursor], Any]
    write: Callable[[Any], bytes]


def decode(kind: type[T], data: bytes) -> T:
    """Return the one value that the bytes are.

    Raises:
        Quarantine: they are not exactly one such value.
    """
    cursor = Cursor(data)
    value: T = layout_of(kind).read(cursor)
    if cursor.position != len(data):
        cursor.refuse(f"expected the end, found {len(data) - cursor.position} more bytes")
    return value


def encode(value: Wire) -> bytes:
    """Return the bytes of a structure.

    Raises:
        Unencodable: a number is out of range, or an enumeration has no such name.
    """
    try:
        return layout_of(type(value)).write(value)
    except (struct.error, OverflowError, UnicodeEncodeError, ValueError, TypeError) as error:
        raise Unencodable(f"{type(value).__name__}: {error}") from None


def decode_hex(kind: type[T], text: str) -> T:
    """Return the value whose bytes the text spells, in either case.

    Raises:
        Quarantine: it is too large, no hex, or not exactly one such value.
    """
    return decode(kind, from_hex(text))


def encode_hex(value: Wire) -> str:
    """Return the lower-case hex of a structure's bytes."""
    return encode(value).hex()


def from_hex(text: str) -> bytes:
    """Return the bytes that the text spells: pairs of hex digits and nothing else.

    Raises:
        Quarantine: ``TOO_LARGE`` above the limit of a payload, ``BAD_HEX`` otherwise.
    """
    if len(text) > HEX_CHARACTERS_MAX:
        raise Quarantine(errors.TOO_LARGE, f"expected at most {HEX_CHARACTERS_MAX} digits, found {len(text)}")
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if 2 * len(found) != len(text):  # `fromhex` passes over spaces
        raise Quarantine(errors.BAD_HEX, "expected pairs of hex digits")
    return found


# --- leaves -----------------------------------------------------------------------------------------


def _packed(code: str) -> Layout:
    packer = struct.Struct(f"<{code}")
    size, unpack_from = packer.size, packer.unpack_from

    def read(cursor: Cursor) -> Any:  # noqa: ANN401 - an integer or a double
        begin = cursor.position
        if begin + size > len(cursor.data):
            cursor.take(size)  # says what is missing
        cursor.position = begin + size
        return unpack_from(cursor.data, begin)[0]

    return Layout(read, packer.pack)


def _signed(width: int) -> Layout:
    return Layout(
        lambda cursor: int.from_bytes(cursor.take(width), "little", signed=True),
        lambda value: value.to_bytes(width, "little", signed=True),
    )


_U8, _U32, _U64, _F64 = (_packed(code) for code in "BIQd")
_INTEGERS: Final = {"u8": _U8, "u32": _U32, "u64": _U64, "usize": _U64, "i128": _signed(16)}


def _read_float(cursor: Cursor) -> float:
    value: float = _F64.read(cursor)
    return value if math.isfinite(value) else cursor.refuse(f"expected a finite number, found {value}")


def _write_float(value: float) -> bytes:
    if not math.isfinite(value):
        raise Unencodable(f"expected a finite number, was {value}")
    return _F64.write(value)


def _flag(cursor: Cursor) -> bool:
    value = cursor.take(1)[0]
    return bool(value) if value <= 1 else cursor.refuse(f"expected 0 or 1, found {value}")


def _read_bytes(cursor: Cursor) -> bytes:
    return cursor.take(_U64.read(cursor))


def _write_bytes(value: bytes) -> bytes:
    return _U64.write(len(value)) + value


def _read_text(cursor: Cursor) -> str:
    try:
        text = _read_bytes(cursor).decode()
    except UnicodeDecodeError:
        cursor.refuse("expected UTF-8")
    return text if "\0" not in text else cursor.refuse("expected text without NUL")


def _read_uuid(cursor: Cursor) -> str:
    raw = _read_bytes(cursor)
    return str(UUID(bytes=raw)) if len(raw) == 16 else cursor.refuse("expected 16 bytes of UUID")  # noqa: PLR2004


def _read_signature(cursor: Cursor) -> tuple[int, ...]:
    raw = _read_bytes(cursor)
    return tuple(raw) if len(raw) == 64 else cursor.refuse("expected 64 bytes of signature")  # noqa: PLR2004


_BYTES: Final = Layout(_read_bytes, _write_bytes)
_TEXT: Final = Layout(_read_text, lambda text: _write_bytes(text.encode()))
_LEAVES: Final[dict[Any, Layout]] = {
    float: Layout(_read_float, _write_float),
    bool: Layout(_flag, lambda flag: b"\1" if flag else b"\0"),
    str: _TEXT,
    bytes: _BYTES,
}
_MARKED: Final = {
    **_INTEGERS,
    "uuid": Layout(_read_uuid, lambda text: _write_bytes(UUID(text).bytes)),
    "time": _TEXT,
    "bytes32": Layout(lambda cursor: tuple(cursor.take(32)), lambda value: _exactly(value, 32)),
    "bytes64": Layout(_read_signature, lambda value: _write_bytes(_exactly(value, 64))),
}


def _exactly(value: tuple[int, ...], count: int) -> bytes:
    if len(value) != count:
        raise Unencodable(f"expected {count} bytes, was {len(value)}")
    return bytes(value)


# --- composites -------------------------------------------------------------------------------------


def _compile(hint: Any) -> Layout:  # noqa: ANN401 - a type annotation
    if hint in _LEAVES:
        return _LEAVES[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        extra = arguments[1].extra
        return _names(extra["names"]) if extra["wire"] == "enum" else _MARKED[extra["wire"]]
    if origin in (types.UnionType, typing.Union):
        return _option(layout_of(next(a for a in arguments if a is not type(None))))
    if origin is tuple:
        return _vector(layout_of(arguments[0]))
    return _tagged(hint) if issubclass(hint, Tagged) else _structure(hint)


# The layout of a type annotation.
layout_of: Final[Callable[[Any], Layout]] = cache(_compile)


def _names(names: tuple[str, ...]) -> Layout:
    positions = {name: _U32.write(position) for position, name in enumerate(names)}

    def read(cursor: Cursor) -> str:
        position: int = _U32.read(cursor)
        return names[position] if position < len(names) else cursor.refuse(f"no variant {position}")

    def write(name: str) -> bytes:
        if name not in positions:
            raise Unencodable(f"expected one of {names}, was {name[:40]!r}")
        return positions[name]

    return Layout(read, write)


def _option(inner: Layout) -> Layout:
    return Layout(
        lambda cursor: inner.read(cursor) if _flag(cursor) else None,
        lambda value: b"\0" if value is None else b"\1" + inner.write(value),
    )


def _vector(inner: Layout) -> Layout:
    def read(cursor: Cursor) -> tuple[Any, ...]:
        count = _U64.read(cursor)
        if count > len(cursor.data) - cursor.position:  # every item takes a byte at least
            cursor.refuse(f"expected at most as many items as bytes, found {count}")
        return tuple([inner.read(cursor) for _ in range(count)])

    return Layout(read, lambda items: _U64.write(len(items)) + b"".join(map(inner.write, items)))


def _hints(cls: type[Wire]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: hints[name] for name in cls.__struct_fields__}


def _tagged(cls: type[Tagged]) -> Layout:
    order = cls.POSITIONS or {name: position for position, name in enumerate(cls.__struct_fields__)}
    variants = {
        order[name]: (name, layout_of(next(a for a in typing.get_args(hint) if a is not msgspec.UnsetType)))
        for name, hint in _hints(cls).items()
    }

    def read(cursor: Cursor) -> Tagged:
        position = _U32.read(cursor)
        if position not in variants:
            cursor.refuse(f"{cls.__name__} has no variant {position} that we read")
        name, inner = variants[position]
        return cls.of(name, inner.read(cursor))

    def write(value: Tagged) -> bytes:
        name, payload = value.variant()
        return _U32.write(order[name]) + variants[order[name]][1].write(payload)

    return Layout(read, write)


def _structure(cls: type[Wire]) -> Layout:
    layouts = {name: layout_of(hint) for name, hint in _hints(cls).items()}
    writers = [(name, layout.write) for name, layout in layouts.items()]

    def read(cursor: Cursor) -> Wire:
        return cls(*[layout.read(cursor) for layout in layouts.values()])

    def write(value: Wire) -> bytes:
        return b"".join([writer(getattr(value, name)) for name, writer in writers])

    return Layout(read, write)
