"""The HTTP shell on raw ASGI: routes, media types, limits and CORS around the JSON-RPC cores.

API specification 1 and 1.1; decisions A3 (one port, further listeners with the same application) and
E6 (a request that is refused before its body was read closes the connection).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from twilight.api.call import Call, Services
from twilight.api.errors import ParseError, RequestTooBig
from twilight.api.jsonrpc import BODY_BYTES_MAX, Core, error_text
from twilight.ops.health import Health, answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON_TYPE = b"application/json; charset=utf-8"
TEXT_TYPE = b"text/plain; charset=utf-8"
CONNECTIONS_MAX = 10_000
BODY_TIMEOUT_S = 30.0
PRIVATE_PATHS = frozenset({"/api/private", "/register", "/regenerate"})
NOT_SERVED = b"Not found: this version serves no private methods. Public ones are at /api, orders at /clientapi\n"


class BodyTooBig(Exception):
    """More bytes came than a body may have."""


class Disconnected(Exception):
    """The client went away before its body was complete."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one request and one process may hold."""

    body_bytes_max: int = BODY_BYTES_MAX
    body_timeout_s: float = BODY_TIMEOUT_S
    connections_max: int = CONNECTIONS_MAX


@dataclass(frozen=True, slots=True)
class Cors:
    """Which origins may read the answers; ``*`` is everyone, without credentials."""

    origins: tuple[str, ...] = ("*",)

    def headers(self, origin: bytes) -> Headers:
        """Return the CORS headers of an answer to a page of ``origin``."""
        if "*" in self.origins:
            allowed = b"*"
        elif origin.decode("latin-1") in self.origins:
            allowed = origin
        else:
            return [(b"vary", b"Origin")]
        return [
            (b"access-control-allow-origin", allowed),
            (b"access-control-allow-methods", b"*"),
            (b"access-control-allow-headers", b"*"),
            (b"vary", b"Origin"),
        ]


@dataclass(slots=True)
class HttpApp:
    """The ASGI application. ``cores`` are the JSON-RPC paths; ``by_port`` are those of ``/`` by port."""

    services: Services
    cores: Mapping[str, Core]
    health: Health
    by_port: MutableMapping[int, Core] = field(default_factory=dict)
    cors: Cors = field(default_factory=Cors)
    limits: HttpLimits = field(default_factory=HttpLimits)
    connections: Callable[[], int] = lambda: 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"only http is served here, was {scope['type']}")
        exchange = Exchange(scope, receive, send, self.cors)
        if self.connections() > self.limits.connections_max:
            await exchange.refuse(429, b"Too many connections. Please try again later.\n")
            return
        core = self.core_for(exchange.path, exchange.port)
        if core is None:
            await self._operations(exchange)
        elif exchange.method == "OPTIONS":
            await exchange.reply(200, TEXT_TYPE, b"")
        elif exchange.method != "POST":
            await exchange.refuse(405, b"Used HTTP Method is not allowed. POST or OPTIONS is required\n")
        elif not is_json(exchange.header(b"content-type")):
            await exchange.refuse(
                415, b"Supplied content type is not allowed. Content-Type: application/json is required\n"
            )
        else:
            await self._call(core, exchange)

    def core_for(self, path: str, port: int) -> Core | None:
        """Return what answers calls on this path of this listener; websockets ask too."""
        return self.by_port.get(port) if path == "/" else self.cores.get(path)

    async def _operations(self, exchange: "Exchange") -> None:
        page = answer(exchange.path, self.health) if exchange.method == "GET" else None
        if page is None:
            await exchange.refuse(404, NOT_SERVED if exchange.path in PRIVATE_PATHS else b"Not found\n")
        else:
            await exchange.reply(page.status, page.content_type.encode(), page.body)

    async def _call(self, core: Core, exchange: "Exchange") -> None:
        try:
            async with asyncio.timeout(self.limits.body_timeout_s):
                body = await exchange.body(self.limits.body_bytes_max)
        except BodyTooBig:
            await exchange.reply(413, JSON_TYPE, error_text(b"null", RequestTooBig()), close=True)
            return
        except TimeoutError:
            await exchange.reply(408, JSON_TYPE, error_text(b"null", ParseError()), close=True)
            return
        except Disconnected:
            return
        reply = await core.answer(body, Call(self.services, exchange.headers))
        await exchange.reply(reply.status, JSON_TYPE, reply.body)


class Exchange:
    """One request and its one answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, cors: Cors) -> None:
        self.method: str = scope["method"]
        self.path = plain_path(scope["path"])
        self.port: int = scope["server"][1] if scope.get("server") else 0
        self.headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        self._receive = receive
        self._send = send
        self._cors = cors

    def header(self, name: bytes) -> bytes:
        """Return the value of a header (named in lower case), empty when absent."""
        return next((value for key, value in self.headers if key == name), b"")

    async def body(self, bytes_max: int) -> bytes:
        """Return the body; raises BodyTooBig as soon as it is known to be longer than the limit."""
        declared = self.header(b"content-length")
        if declared.isdigit() and int(declared) > bytes_max:
            raise BodyTooBig
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > bytes_max:
                raise BodyTooBig
            more = message.get("more_body", False)
        return b"".join(chunks)

    async def refuse(self, status: int, text: bytes) -> None:
        """Answer with a plain text before the body was read; a request with a body ends the connection."""
        has_body = self.header(b"content-length") not in (b"", b"0") or bool(self.header(b"transfer-encoding"))
        await self.reply(status, TEXT_TYPE, text, close=has_body or status == 429)  # noqa: PLR2004 - HTTP's own

    async def reply(self, status: int, content_type: bytes, body: bytes, *, close: bool = False) -> None:
        """Answer, and end the connection when ``close`` is set."""
        headers: Headers = [
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *self._cors.headers(self.header(b"origin")),
        ]
        if close:
            headers.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def plain_path(path: str) -> str:
    """Return the path without its one trailing slash: ``/clientapi/`` is ``/clientapi``."""
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


def is_json(content_type: bytes) -> bool:
    """Whether the media type is JSON, in UTF-8 where it names a character set."""
    media, _, parameter = content_type.lower().partition(b";")
    charset = parameter.strip().replace(b'"', b"")
    return media.strip() == b"application/json" and charset in (b"", b"charset=utf-8")
