"""JSON-RPC 2.0 without input or output: bytes of a body go in, bytes of the answer come out.

Sockets, headers and media types are the business of the shells around it. API specification 1.1
(the rows about bodies), 2 and 2.1; decisions E6: an ``id`` is echoed as the very text it came as, and
doubled members are no request.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from msgspec import Raw

from twilight.api.cache import AnswerCache
from twilight.api.errors import (
    INTERNAL_CODE,
    INTERNAL_TEXT,
    Busy,
    InvalidRequest,
    MethodNotFound,
    ParseError,
    ResponseTooBig,
    RpcError,
)
from twilight.api.registry import Method, Registry
from twilight.ops import logs

BODY_BYTES_MAX = 10 * 1024 * 1024
BATCH_CALLS_MAX = 1_000
CALLS_MAX = 2_000

_SPACE = b" \t\r\n"
_NULL = b"null"
_VERSION = b'"2.0"'
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_BATCH = msgspec.json.Decoder(list[Raw])
_TEXT = msgspec.json.Decoder(str)
_ENCODER = msgspec.json.Encoder()
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_log = logs.get("twilight.api.jsonrpc")

Observe = Callable[[str, float, int], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one body: an HTTP status and a JSON text, empty when nothing is to be said."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it was read; ``id`` is its JSON text and None for a notification."""

    method: str
    params: bytes
    id: bytes | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one body, one batch and the process may hold at a time."""

    response_bytes_max: int = BODY_BYTES_MAX
    batch_calls_max: int = BATCH_CALLS_MAX
    calls_max: int = CALLS_MAX


class RefusedRequest(Exception):
    """A text that is no request, with the id to answer under, as far as it could be read."""

    def __init__(self, error: RpcError, id_text: bytes = _NULL) -> None:
        super().__init__(str(error))
        self.error = error
        self.id_text = id_text


def parse_request(text: bytes) -> Request:
    """Return the call that ``text`` holds; raises RefusedRequest when it holds none."""
    members = _members(text)
    id_text = _id_text(members)
    answer_to = id_text or _NULL
    method = members.get("method", Raw(b""))
    if bytes(members.get("jsonrpc", b"")) != _VERSION or bytes(method)[:1] != b'"':
        raise RefusedRequest(InvalidRequest(), answer_to)
    return Request(_TEXT.decode(method), bytes(members.get("params", b"")), id_text)


def _members(text: bytes) -> dict[str, Raw]:
    try:
        members = _MEMBERS.decode(text)
    except msgspec.ValidationError:
        raise RefusedRequest(InvalidRequest()) from None
    except _UNREADABLE:
        raise RefusedRequest(_why_unreadable(text)) from None
    try:
        doubled = not _is_plain(text, members) and _has_doubled_members(text)
    except RecursionError:  # nested deeper than we can look
        raise RefusedRequest(ParseError()) from None
    if doubled:
        raise RefusedRequest(InvalidRequest("Invalid request: doubled members"))
    return members


def _is_plain(text: bytes, members: dict[str, Raw]) -> bool:
    """Whether the length or the text itself proves that each member stands there once.

    A text as long as its members alone has room for nothing else; one with the blanks of a common
    encoder is compared as a whole. Anything else takes the slow look.
    """
    text = text.strip(_SPACE)
    values = [bytes(value) for value in members.values()]
    shortest = 1 + 4 * len(members) + sum(map(len, members)) + sum(map(len, values))
    if len(text) == shortest:
        return True
    pairs = (b'"%b": %b' % (name.encode(), value) for name, value in zip(members, values, strict=True))
    return text == b"{" + b", ".join(pairs) + b"}"


def _has_doubled_members(text: bytes) -> bool:
    pairs = cast("list[tuple[str, object]]", _python_json(text))
    return len({name for name, _ in pairs}) != len(pairs)


def _why_unreadable(text: bytes) -> RpcError:
    """Return whether the text is not JSON, or JSON with a text that no answer can hold."""
    try:
        _python_json(text)
    except (ValueError, RecursionError):
        return ParseError()
    return InvalidRequest()


def _python_json(text: bytes) -> object:
    return json.loads(
        text.decode(), object_pairs_hook=list, parse_constant=_no_constant, parse_int=str, parse_float=str
    )


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _id_text(members: dict[str, Raw]) -> bytes | None:
    if "id" not in members:
        return None
    raw = bytes(members["id"])
    if raw == _NULL or raw[:1] in b"-0123456789":
        return raw
    if raw[:1] != b'"':
        raise RefusedRequest(InvalidRequest("Invalid request: an id is a number, a text or null"))
    return raw


def result_text(id_text: bytes, result: bytes) -> bytes:
    """Return the answer that carries an encoded result."""
    return b'{"jsonrpc":"2.0","result":%b,"id":%b}' % (result, id_text)


def error_text(id_text: bytes, error: RpcError) -> bytes:
    """Return the answer that carries an error."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data:
        body["data"] = error.data
    return b'{"jsonrpc":"2.0","error":%b,"id":%b}' % (_ENCODER.encode(body), id_text)


class Core:
    """Answers bodies with the methods of one registry. One object serves every shell of a path."""

    def __init__(self, methods: Registry, *, limits: Limits | None = None, observe: Observe | None = None) -> None:
        self.methods = methods
        self.limits = limits or Limits()
        self._observe = observe or (lambda _method, _seconds, _code: None)
        self._cache = AnswerCache()
        self._calls = 0

    async def answer(self, body: bytes, call: object) -> Reply:
        """Return the answer to a body: one call or a batch; nothing for notifications alone."""
        head = body.lstrip(_SPACE)[:1]
        if head not in (b"{", b"["):
            return Reply(400, error_text(_NULL, ParseError()))
        if not _is_utf8(body):
            return Reply(200, error_text(_NULL, ParseError()))
        if head == b"[":
            return Reply(200, await self._batch(body, call))
        return Reply(200, await self.answer_one(body, call))

    async def answer_one(self, text: bytes, call: object) -> bytes:
        """Return the answer to one call's text, empty for a notification."""
        try:
            request = parse_request(text)
        except RefusedRequest as refused:
            self._observe("", 0.0, refused.error.code)
            return error_text(refused.id_text, refused.error)
        answered = await self.answer_request(request, call)
        return b"" if request.id is None else answered

    async def answer_request(self, request: Request, call: object) -> bytes:
        """Return the answer to a call, under its id or ``null``."""
        id_text = request.id or _NULL
        try:
            result = await self._result(request, call)
            if len(result) > self.limits.response_bytes_max:
                raise ResponseTooBig
        except RpcError as error:
            return error_text(id_text, error)
        return result_text(id_text, result)

    async def _batch(self, body: bytes, call: object) -> bytes:
        try:
            texts = _BATCH.decode(body)
        except _UNREADABLE:
            return error_text(_NULL, _why_unreadable(body))
        if not 1 <= len(texts) <= self.limits.batch_calls_max:
            return error_text(_NULL, InvalidRequest())
        answers: list[bytes] = []
        room = self.limits.response_bytes_max
        for text in texts:
            answered = await self.answer_one(bytes(text), call)
            room -= len(answered) + 1
            if room < 0:
                return error_text(_NULL, ResponseTooBig())
            if answered:
                answers.append(answered)
        return b"[" + b",".join(answers) + b"]" if answers else b""

    async def _result(self, request: Request, call: object) -> bytes:
        method = self.methods.get(request.method)
        if method is None:
            self._observe("", 0.0, MethodNotFound.code)
            raise MethodNotFound
        if self._calls >= self.limits.calls_max:
            self._observe(method.name, 0.0, Busy.code)
            raise Busy(retry_after_s=1)
        return await self._timed(method, request.params, call)

    async def _timed(self, method: Method, params: bytes, call: object) -> bytes:
        started, code = time.perf_counter(), 0
        self._calls += 1
        try:
            return await self._run(method, params, call)
        except RpcError as error:
            code = error.code
            raise
        except Exception:  # noqa: BLE001 - the caller is told no more than that; the log has the rest
            code = INTERNAL_CODE
            _log.exception("method_failed", method=method.name)
            raise RpcError(INTERNAL_TEXT) from None
        finally:
            self._calls -= 1
            self._observe(method.name, time.perf_counter() - started, code)

    async def _run(self, method: Method, params: bytes, call: object) -> bytes:
        bound = method.bind(params)
        if not method.cache_s:
            return _ENCODER.encode(await method.run(call, bound))

        async def make() -> bytes:
            return _ENCODER.encode(await method.run(call, bound))

        return await self._cache.get((method.name, bound), method.cache_s, make)


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
