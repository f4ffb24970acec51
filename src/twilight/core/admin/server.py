"""The administrator's HTTP server: checks the token, hands the request to the loop, sends back its answer.

The loop of the core runs in another thread, so a request waits in a queue until the loop takes it, and its
answer comes back only after what it changed is in the log.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twilight.core.admin import methods as admin
from twilight.core.admin.methods import AdminFault, AdminRequest
from twilight.core.ids import kept_text
from twilight.ops.logs import get

REQUESTS_WAITING_MAX = 64
ANSWER_S_MAX = 60.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request on its way through the loop."""

    request: AdminRequest
    actor: str
    answer: "asyncio.Future[bytes]"
    loop: asyncio.AbstractEventLoop

    def respond(self, body: bytes) -> None:
        """Hand the answer back to the thread of the server; a client that has gone is not waited for."""
        self.loop.call_soon_threadsafe(self._set, body)

    def _set(self, body: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(body)


class AdminServer:
    """An ASGI application; `requests` is emptied by the loop of the core."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.requests: deque[Waiting] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        status, body = await self._answer(scope, receive)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        actor = "{}:{}".format(*(scope.get("client") or ("?", 0)))
        header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not admin.authorized(header, self._token):
            log.warning("admin refused", actor=actor)
            return 401, admin.fault(None, AdminFault(admin.UNAUTHORIZED, "expected the administrator's token"))
        try:
            request = admin.parse(await _body(receive))
            return 200, await self._through_the_loop(request, actor)
        except AdminFault as fault:
            return 200, admin.fault(fault.request_id, fault)

    async def _through_the_loop(self, request: AdminRequest, actor: str) -> bytes:
        if len(self.requests) >= REQUESTS_WAITING_MAX:
            raise AdminFault(admin.SERVER_ERROR, "too many administrator's requests wait")
        log.info("admin", method=request.method, actor=actor, call=request.call)
        loop = asyncio.get_running_loop()
        waiting = Waiting(request, actor, loop.create_future(), loop)
        self.requests.append(waiting)
        try:
            return await asyncio.wait_for(waiting.answer, ANSWER_S_MAX)
        except TimeoutError:
            raise AdminFault(admin.SERVER_ERROR, "the core did not answer; the call may still be done") from None


def refuse_all(requests: deque[Waiting], reason: str) -> None:
    """Answer whoever waits that nothing was done."""
    while requests:
        waiting = requests.popleft()
        waiting.respond(admin.fault(waiting.request.id, AdminFault(admin.SERVER_ERROR, reason)))


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > admin.BODY_BYTES_MAX:
            raise AdminFault(admin.INVALID_REQUEST, f"expected at most {admin.BODY_BYTES_MAX} bytes")
    return body


def token_in(folder: Path) -> str:
    """Return the token that is kept in the folder, made on first use and readable by its owner alone."""
    return kept_text(folder / "admin-token", lambda: secrets.token_hex(32))
