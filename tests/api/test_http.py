import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
from api_harness import Options, Served, served

from twilight.api.http import Cors, HttpLimits

JSON = {"content-type": "application/json"}
ECHO = b'{"jsonrpc":"2.0","method":"echo","params":["hi"],"id":1}'


def ask(
    method: str,
    path: str,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
    options: Options | None = None,
) -> httpx.Response:
    async def work() -> httpx.Response:
        async with served(options) as server, httpx.AsyncClient(base_url=server.url) as client:
            return await client.request(method, path, content=content, headers=headers or {})

    return asyncio.run(work())


def talk(exchange: Callable[[Served], Coroutine[Any, Any, bytes]], options: Options | None = None) -> bytes:
    async def work() -> bytes:
        async with served(options) as server, asyncio.timeout(20):
            return await exchange(server)

    return asyncio.run(work())


async def send_raw(server: Served, *pieces: bytes) -> bytes:
    """Send the bytes and return everything until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for piece in pieces:
        writer.write(piece)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
def test_a_post_of_json_is_answered(content_type: str) -> None:
    answer = ask("POST", "/api", ECHO, {"content-type": content_type})
    assert (answer.status_code, answer.json()) == (200, {"jsonrpc": "2.0", "result": "hi", "id": 1})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


def test_one_trailing_slash_is_the_same_path() -> None:
    assert ask("POST", "/api/", ECHO, JSON).json()["result"] == "hi"
    assert ask("POST", "/api//", ECHO, JSON).status_code == 404


def test_a_json_rpc_error_is_still_http_200() -> None:
    answer = ask("POST", "/api", b'{"jsonrpc":"2.0","method":"none","id":1}', JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, -32601)


def test_a_body_that_is_not_json_is_http_400() -> None:
    answer = ask("POST", "/api", b"hello", JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32700)


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/json; charset=latin-1"])
def test_another_media_type_is_refused_unread(content_type: str) -> None:
    answer = ask("POST", "/api", ECHO, {"content-type": content_type})
    assert answer.status_code == 415
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_other_http_methods_are_refused(method: str) -> None:
    assert ask(method, "/api").status_code == 405


def test_an_unknown_path_is_not_found_and_is_no_rpc() -> None:
    answer = ask("POST", "/relayer", ECHO, JSON)
    assert (answer.status_code, answer.headers["connection"]) == (404, "close")


@pytest.mark.parametrize("path", ["/api/private", "/api/private/", "/register", "/regenerate"])
def test_what_this_version_does_not_serve_says_so(path: str) -> None:
    answer = ask("POST", path, ECHO, JSON)
    assert answer.status_code == 404
    assert "serves no private methods" in answer.text


def test_a_notification_has_an_empty_answer() -> None:
    answer = ask("POST", "/api", b'{"jsonrpc":"2.0","method":"echo","params":["x"]}', JSON)
    assert (answer.status_code, answer.content) == (200, b"")


def test_headers_that_nobody_asked_for_change_nothing() -> None:
    headers = {**JSON, "authorization": "Bearer not.a.token", "date-time": "1", "relayer": "me"}
    answer = ask("POST", "/api", b'{"jsonrpc":"2.0","method":"relayer","id":1}', headers)
    assert answer.json()["result"] == "me"


def test_a_declared_body_that_is_too_long_is_refused_before_it_is_read() -> None:
    head = b"POST /api HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10485761\r\n\r\n"
    answer = talk(lambda server: send_raw(server, head))
    start, _, body = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 413")
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "error": {"code": -32701, "message": "Request is too big"},
        "id": None,
    }


def test_a_chunked_body_that_grows_too_long_is_refused() -> None:
    head = b"POST /api HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"10\r\n" + b"[" * 16 + b"\r\n"
    options = Options(limits=HttpLimits(body_bytes_max=20))
    answer = talk(lambda server: send_raw(server, head, chunk, chunk), options)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_never_comes_ends_the_connection() -> None:
    head = b"POST /api HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
    options = Options(limits=HttpLimits(body_timeout_s=0.2))
    assert talk(lambda server: send_raw(server, head), options).startswith(b"HTTP/1.1 408")


def test_more_connections_than_allowed_are_turned_away() -> None:
    answer = ask("POST", "/api", ECHO, JSON, Options(limits=HttpLimits(connections_max=0)))
    assert (answer.status_code, answer.headers["connection"]) == (429, "close")


def test_a_preflight_is_answered_without_a_call() -> None:
    answer = ask("OPTIONS", "/api", headers={"origin": "https://a.example", "access-control-request-method": "POST"})
    assert answer.status_code == 200
    for name in ("origin", "methods", "headers"):
        assert answer.headers[f"access-control-allow-{name}"] == "*"


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://a.example", "https://a.example"), ("https://b.example", None)]
)
def test_named_origins_alone_may_read(origin: str, allowed: str | None) -> None:
    options = Options(cors=Cors(("https://a.example",)))
    answer = ask("POST", "/api", ECHO, {**JSON, "origin": origin}, options)
    assert answer.headers.get("access-control-allow-origin") == allowed


def test_a_further_listener_serves_its_methods_on_its_root() -> None:
    async def work() -> tuple[int, int]:
        async with served() as server, httpx.AsyncClient() as client:
            further = f"http://127.0.0.1:{server.listeners.ports[1]}/"
            root = await client.post(further, content=ECHO, headers=JSON)
            main = await client.post(server.url + "/", content=ECHO, headers=JSON)
            return root.status_code, main.status_code

    assert asyncio.run(work()) == (200, 404)


@pytest.mark.parametrize("path", ["/healthz", "/health/live"])
def test_liveness_is_told(path: str) -> None:
    answer = ask("GET", path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/readyz", "/health/ready"])
def test_readiness_names_what_is_away(path: str) -> None:
    async def work() -> httpx.Response:
        async with served() as server, httpx.AsyncClient(base_url=server.url) as client:
            server.health.check("postgres").ok()
            server.health.check("kafka").fail("broker away")
            return await client.get(path)

    answer = asyncio.run(work())
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "checks": {"postgres": "ok", "kafka": "error: broker away"}}


def test_metrics_are_prometheus_text() -> None:
    answer = ask("GET", "/metrics")
    assert (answer.status_code, "twilight_api_calls_total" in answer.text) == (200, True)


def test_a_stop_lets_a_running_call_finish() -> None:
    async def work() -> str:
        body = b'{"jsonrpc":"2.0","method":"wait","params":[0.3],"id":1}'
        async with served() as server, httpx.AsyncClient(base_url=server.url) as client:
            running = asyncio.create_task(client.post("/api", content=body, headers=JSON))
            await asyncio.sleep(0.1)
            await server.listeners.close()
            return str((await running).json()["result"])

    assert asyncio.run(work()) == "waited"
