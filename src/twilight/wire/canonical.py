"""The one text under which equal values written by different builds are equal (wire.md 9).

Members of every ``metadata`` are sorted, numbers lose the ``+`` of their exponent and the sign of zero.
It works on the text of numbers, not on their values, so it shares nothing with the codec that it checks.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_ZERO: Final = re.compile(r"-0(?:\.0+)?")


class _Number(str):
    """The text of a number."""

    __slots__ = ()


def canonical(value: bytes) -> bytes:
    """Return the canonical text of a JSON value.

    Raises:
        ValueError: it is no JSON in UTF-8.
        RecursionError: it is nested too deep.
    """
    return _write(_PARSER.decode(value.decode()), sort=False).encode()


def _number(text: str) -> _Number:
    text = text.replace("e+", "e").replace("E+", "e")
    return _Number(text[1:] if _ZERO.fullmatch(text) else text)


_PARSER: Final = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_Number)


def _write(found: Any, *, sort: bool) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(found, _Number):
        return found
    if isinstance(found, list):
        return "[" + ",".join(_write(item, sort=False) for item in found) + "]"
    if isinstance(found, dict):
        members = sorted(found.items()) if sort else found.items()
        return "{" + ",".join(_member(name, value) for name, value in members) + "}"
    return json.dumps(found, ensure_ascii=False)


def _member(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(name, ensure_ascii=False) + ":" + _write(value, sort=name == "metadata")
