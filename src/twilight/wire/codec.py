"""JSON in both directions: a fast way for today's exact bytes, a careful one for all others.

The fast way is sound because it proves itself: what msgspec decoded is encoded again, and only equal
bytes are accepted. So doubled members, fractions for integers, odd escapes, old shapes and numbers
beyond 63 bits all reach the careful way, which says what it refuses. No bytes make a decoder hang,
recurse without bound, or raise anything but ``Quarantine`` (wire.md 3.4, 3.5).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, Generic, NoReturn, TypeVar

import msgspec

from twilight.wire import errors
from twilight.wire.errors import Quarantine, Unencodable
from twilight.wire.numbers import with_plus, without_plus
from twilight.wire.plain import is_plain
from twilight.wire.reader import Reading, Repeated, reader_of

T = TypeVar("T", bound=msgspec.Struct)

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NOTHING: Final = Reading()
_WRITING: Final = Reading(for_writing=True)


_AS_FOUND: Final = msgspec.json.Encoder()
_SORTED: Final = msgspec.json.Encoder(order="deterministic")


def encode(typed: object) -> bytes:
    """Return the exact bytes of wire.md 2 of any value of the wire, metadata sorted.

    Raises:
        Unencodable: a number is not finite or out of range, or a text holds NUL or a lone surrogate.
    """
    try:
        encoded = _SORTED.encode(typed) if is_plain(typed) else _encode_carefully(typed)
    except (UnicodeEncodeError, RecursionError, TypeError) as error:
        raise Unencodable(f"expected a value of the wire, found {error}") from None
    if b"\\" in encoded and _NUL.search(encoded):
        raise Unencodable("expected text without NUL")
    return encoded


def _encode_carefully(typed: object) -> bytes:
    try:
        sound = reader_of(type(typed))(msgspec.to_builtins(typed, builtin_types=()), _WRITING, "$")
    except Quarantine as fault:
        raise Unencodable(str(fault)) from None
    return with_plus(_SORTED.encode(sound))


class Codec(Generic[T]):
    """The decoder of one kind of value."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._reader = reader_of(kind)

    def decode(self, value: bytes | None, reading: Reading = _NOTHING) -> T:
        """Return the typed value, older shapes made current.

        Raises:
            Quarantine: the bytes cannot be read; nothing else is ever raised.
        """
        if value is None:
            raise Quarantine(errors.TOMBSTONE, "the record has no value")
        try:
            typed = self._decoder.decode(value)
            exact = self._is_exact(typed, value)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return self.decode_carefully(value, reading)
        return typed if exact else self.decode_carefully(value, reading)

    def decode_carefully(self, value: bytes, reading: Reading = _NOTHING) -> T:
        """Return the typed value of any known shape, without the fast way."""
        return self.read(parse(value), reading)

    def read(self, parsed: object, reading: Reading = _NOTHING) -> T:
        """Return the typed value of a parsed JSON value."""
        try:
            typed: T = self._reader(parsed, reading, "$")
        except RecursionError:
            raise Quarantine(errors.TOO_DEEP, "commands are nested too deep") from None
        return typed

    @staticmethod
    def _is_exact(typed: T, value: bytes) -> bool:
        again = _AS_FOUND.encode(typed)
        if again != value and again != without_plus(value):
            return False
        return b"\\" not in value or _NUL.search(value) is None


class MessageCodec(Codec[T]):
    """The codec of a whole record's value, which is an object with one member, or a text."""

    def __init__(self, kind: type[T], unknown: str) -> None:
        super().__init__(kind)
        self._kinds = msgspec.structs.fields(kind)
        self._unknown = unknown

    def read(self, parsed: object, reading: Reading = _NOTHING) -> T:
        """Return the typed value; an unknown name and a value without one have reasons of their own."""
        names = [parsed] if isinstance(parsed, str) else list(parsed) if isinstance(parsed, dict) else []
        if len(names) != 1:
            raise Quarantine(errors.NOT_A_MESSAGE, "expected an object with one member, or a text")
        if all(kind.name != names[0] for kind in self._kinds):
            raise Quarantine(self._unknown, f"the value is {names[0][:60]!r}")
        return super().read(parsed, reading)


# --- parsing ----------------------------------------------------------------------------------------


def parse(value: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON value, strictly: UTF-8, no NaN, no number beyond f64, no NUL, no lone surrogate.

    Raises:
        Quarantine: it is not such a text.
    """
    try:
        text = value.decode()
        parsed = _PARSER.decode(text)
    except UnicodeDecodeError as error:
        raise Quarantine(errors.NOT_UTF8, str(error)) from None
    except RecursionError:
        raise Quarantine(errors.TOO_DEEP, "the value is nested too deep") from None
    except ValueError as error:
        raise Quarantine(errors.NOT_JSON, str(error)[:200]) from None
    if "\\u" in text:
        _check_texts(parsed)
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else Repeated(members)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Quarantine(errors.NON_FINITE, f"the number {text[:40]} is beyond f64")
    return number


def _whole(text: str) -> int:
    if len(text) > 400:  # noqa: PLR2004 - more digits than the largest double has
        raise Quarantine(errors.NON_FINITE, "an integer is beyond f64")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise Quarantine(errors.NON_FINITE, f"{text} is no JSON number")


_PARSER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_whole, parse_constant=_constant
)


def _check_texts(parsed: object) -> None:
    waiting = [parsed]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            _check_text(found)
        elif isinstance(found, dict):
            waiting += [*found.keys(), *found.values()]
        elif isinstance(found, list):
            waiting += found


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Quarantine(errors.NUL_IN_TEXT, "a text holds NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Quarantine(errors.LONE_SURROGATE, "a text holds half a surrogate pair") from None
