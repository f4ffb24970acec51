"""`/healthz`, `/readyz` and `/metrics` of a service, on a port of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from twilight.ops.errors import Unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


@dataclass(slots=True)
class Check:
    """One thing that must be well before the service is ready; not yet known is not well."""

    name: str
    is_ok: bool = False
    detail: str = "not yet known"

    def ok(self, detail: str = "") -> None:
        """Say that it is well."""
        self.is_ok, self.detail = True, detail

    def fail(self, detail: str) -> None:
        """Say that it is not, and why."""
        self.is_ok, self.detail = False, detail

    def text(self) -> str:
        """Return `ok` or `error: <why>`."""
        return "ok" if self.is_ok else f"error: {self.detail}"


@dataclass(slots=True)
class Health:
    """What a service knows of its own state; `extra` is shown by `/readyz` as it stands."""

    checks: dict[str, Check] = field(default_factory=dict)
    extra: dict[str, object] = field(default_factory=dict)

    def check(self, name: str) -> Check:
        """Return the check of that name, made on first use."""
        return self.checks.setdefault(name, Check(name))

    def ready(self) -> bool:
        """Return whether every check is well; a service that has none yet knows nothing of itself, and is not ready."""
        return bool(self.checks) and all(check.is_ok for check in self.checks.values())

    def as_dict(self) -> dict[str, object]:
        """Return the body of `/readyz`."""
        status = "ok" if self.ready() else "unavailable"
        return {**self.extra, "status": status, "checks": {c.name: c.text() for c in self.checks.values()}}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer of an operations route."""

    status: int
    content_type: str
    body: bytes


def answer(path: str, health: Health) -> Answer | None:
    """Return the answer of an operations route, or None for a path that is none."""
    match path:
        case "/healthz" | "/health/live":
            return Answer(200, "application/json", b'{"status":"ok"}')
        case "/readyz" | "/health/ready":
            status = 200 if health.ready() else 503
            return Answer(status, "application/json", msgspec.json.encode(health.as_dict(), enc_hook=str))
        case "/metrics":
            return Answer(200, CONTENT_TYPE_LATEST, generate_latest())
        case _:
            return None


def application(health: Health) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the operations routes as an ASGI application."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        found = answer(scope["path"], health) or Answer(404, "text/plain", b"not found")
        headers = [(b"content-type", found.content_type.encode())]
        await send({"type": "http.response.start", "status": found.status, "headers": headers})
        await send({"type": "http.response.body", "body": found.body})

    return app


class OpsServer:
    """The running operations server."""

    def __init__(self, server: uvicorn.Server, task: asyncio.Task[None], port: int) -> None:
        self._server = server
        self._task = task
        self.port = port

    async def close(self) -> None:
        """Stop listening; connections that are open are closed."""
        self._server.should_exit = True
        self._server.force_exit = True
        await self._task


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling: `ops.lifecycle` owns the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_ops(host: str, port: int, health: Health) -> OpsServer:
    """Serve the operations routes until closed; port 0 takes a free one.

    Raises:
        Unavailable: the port is taken.
    """
    return await serve_app(application(health), host, port)


async def serve_app(app: Any, host: str, port: int, **options: Any) -> OpsServer:  # noqa: ANN401 - uvicorn's own types
    """Serve any ASGI application with uvicorn inside the running loop; `options` are uvicorn's.

    Raises:
        Unavailable: the port is taken.
    """
    listener = _bind(host, port)
    config = uvicorn.Config(app, **{"log_config": None, "access_log": False, "lifespan": "off", **options})
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    return OpsServer(server, task, listener.getsockname()[1])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen on {host}:{port} ({error.strerror}): free it or name another") from error
    listener.set_inheritable(False)
    return listener
