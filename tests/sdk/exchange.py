"""A tiny exchange behind ASGI: it answers each method from a script and keeps what it was asked."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]


class Exchange:
    """Answers ``method`` with the scripted values in turn, the last one for ever.

    An ``int`` is an HTTP status, an exception value a JSON-RPC error object, anything else a result.
    """

    def __init__(self, **answers: list[object]) -> None:
        self.answers = answers
        self.asked: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []

    def reply(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        request = msgspec.json.decode(body)
        self.paths.append(path)
        self.headers.append(headers)
        method = request["method"]
        self.asked[method].append(request)
        script = self.answers[method]
        answer = script[min(len(self.asked[method]), len(script)) - 1]
        if isinstance(answer, int):
            return answer, b"busy"
        if isinstance(answer, bytes):
            return 200, answer
        member = "error" if isinstance(answer, dict) and "code" in answer else "result"
        return 200, msgspec.json.encode({"jsonrpc": "2.0", member: answer, "id": request["id"]})

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Scope]],
        send: Callable[[Scope], Awaitable[None]],
    ) -> None:
        body = b""
        while (part := await receive())["type"] == "http.request":
            body += part["body"]
            if not part.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, text = self.reply(scope["path"], headers, body)
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": text})


def row(status: str, **members: object) -> dict[str, object]:
    """One TxHash object of API specification 3."""
    return {
        "id": 289,
        "order_id": "668a85e3-1cef-4396-af6b-3294b24a8030",
        "account_id": "0c14",
        "tx_hash": "",
        "order_type": "MARKET",
        "order_status": status,
        "datetime": "2026-03-11T10:46:08.929504024+00:00",
        "output": None,
        "request_id": "REQID1",
        "reason": None,
        "old_price": None,
        "new_price": None,
    } | members
