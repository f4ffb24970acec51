"""Methods, typed once: the Python signature is the source of validation, documentation and OpenRPC.

A method is an async function. Its first parameter is the :class:`~twilight.api.call.Call`; what is
keyword-only after it are the named parameters (a trailing underscore falls off: ``from_`` is
``from``); one more positional parameter instead takes the ``params`` object whole, for tagged
variants.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast, get_type_hints

import msgspec

from twilight.api.errors import InvalidParams

Handler = Callable[..., Awaitable[object]]
_MISSING = re.compile(r"^Object missing required field (`[^`]*`)")
_NOTHING = (b"", b"null", b"[]")


class Bound(msgspec.Struct, frozen=True):
    """The checked parameters of one call; hashable, so that an answer can be kept for them."""


@dataclass(frozen=True, slots=True)
class Method:
    """One JSON-RPC method: how its parameters are read and what it runs."""

    name: str
    handler: Handler
    names: tuple[str, ...]
    decoder: "msgspec.json.Decoder[Any] | None"
    params_type: Any
    result_type: Any
    cache_s: float

    @property
    def takes_whole(self) -> bool:
        """Whether the ``params`` object is one value (a tagged variant) and not named members."""
        return self.decoder is not None and not self.names

    def bind(self, raw: bytes) -> object:
        """Return the checked parameters of ``raw``, the JSON text of ``params`` (empty when absent).

        Raises InvalidParams with the reason when they do not fit. Specification 2: no parameters may
        be absent, ``null``, ``[]`` or ``{}``; an array stands for the members in their order.
        """
        if self.decoder is None:
            return None
        if raw in _NOTHING:
            raw = b"{}"
        elif raw[:1] == b"[" and self.names:
            raw = self._as_object(raw)
        try:
            return self.decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise InvalidParams(_MISSING.sub(r"missing field \1", str(error))) from None

    def _as_object(self, raw: bytes) -> bytes:
        values = msgspec.json.decode(raw, type=list[msgspec.Raw])
        if len(values) > len(self.names):
            raise InvalidParams(f"at most {len(self.names)} parameters expected, found {len(values)}")
        return msgspec.json.encode(dict(zip(self.names, values, strict=False)))

    def run(self, call: object, bound: object) -> Awaitable[object]:
        """Start the handler with its checked parameters."""
        if self.decoder is None:
            return self.handler(call)
        if self.takes_whole:
            return self.handler(call, bound)
        struct = cast("msgspec.Struct", bound)
        return self.handler(call, **{name: getattr(struct, name) for name in struct.__struct_fields__})


@dataclass(slots=True)
class Registry:
    """The methods that one path serves."""

    methods: dict[str, Method] = field(default_factory=dict)

    def method(self, name: str, *, cache_s: float = 0.0) -> Callable[[Handler], Handler]:
        """Return a decorator that serves a handler as ``name``, its answers kept for ``cache_s``."""

        def register(handler: Handler) -> Handler:
            self.add(describe(name, handler, cache_s))
            return handler

        return register

    def add(self, method: Method) -> None:
        """Serve the method; a name is served once."""
        if method.name in self.methods:
            raise ValueError(f"method {method.name} is registered twice")
        self.methods[method.name] = method

    def include(self, *others: "Registry") -> "Registry":
        """Serve the methods of the other registries too, and return this one."""
        for method in (method for other in others for method in other):
            self.add(method)
        return self

    def get(self, name: str) -> Method | None:
        """Return the method of this name, if it is served."""
        return self.methods.get(name)

    def __iter__(self) -> Iterator[Method]:
        return iter(self.methods.values())


def describe(name: str, handler: Handler, cache_s: float = 0.0) -> Method:
    """Return the method that ``handler``'s signature declares."""
    hints = get_type_hints(handler, include_extras=True)
    parameters = list(inspect.signature(handler).parameters.values())[1:]
    named = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    params_type: Any = None
    if named:
        params_type = _struct(name, named, hints)
    elif parameters:
        params_type = hints[parameters[0].name]
    return Method(
        name=name,
        handler=handler,
        names=tuple(wire_name(p.name) for p in named),
        decoder=None if params_type is None else msgspec.json.Decoder(params_type),
        params_type=params_type,
        result_type=hints.get("return", Any),
        cache_s=cache_s,
    )


def wire_name(name: str) -> str:
    """Return a parameter's name on the wire: ``from_`` is ``from``."""
    return name.rstrip("_")


def _struct(name: str, named: list[inspect.Parameter], hints: dict[str, Any]) -> type[Bound]:
    fields: list[Any] = [
        (p.name, hints[p.name]) if p.default is p.empty else (p.name, hints[p.name], p.default) for p in named
    ]
    rename = {p.name: wire_name(p.name) for p in named}
    made = msgspec.defstruct(f"{name}_params", fields, bases=(Bound,), frozen=True, rename=rename, kw_only=True)
    return cast("type[Bound]", made)
