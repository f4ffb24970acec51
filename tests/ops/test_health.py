"""Readiness and the operations port."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from twilight.ops.errors import Unavailable
from twilight.ops.health import Health, serve_ops


def test_a_service_is_ready_only_when_every_check_is_well() -> None:
    health = Health()
    kafka, database = health.check("kafka"), health.check("postgres")
    kafka.ok()
    assert not health.ready()
    database.ok()
    assert health.ready()
    database.fail("away")
    assert health.as_dict() == {"status": "unavailable", "checks": {"kafka": "ok", "postgres": "error: away"}}


def test_a_service_that_has_looked_at_nothing_yet_is_not_ready() -> None:
    assert Health().as_dict() == {"status": "unavailable", "checks": {}}


def test_what_a_service_adds_cannot_hide_its_status() -> None:
    health = Health(extra={"status": "fine", "offset": 7})
    health.check("kafka").fail("away")
    assert health.as_dict()["status"] == "unavailable"
    assert health.as_dict()["offset"] == 7


def _with_server(health: Health, ask: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        server = await serve_ops("127.0.0.1", 0, health)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            await ask(client)
        await server.close()

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/readyz", "/health/ready"])
def test_the_readiness_route_tells_which_check_is_not_well(path: str) -> None:
    health = Health()

    async def ask(client: httpx.AsyncClient) -> None:
        health.check("kafka").fail("away")
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["checks"]) == (503, {"kafka": "error: away"})
        health.check("kafka").ok()
        assert (await client.get(path)).status_code == 200

    _with_server(health, ask)


def test_a_service_that_is_not_ready_is_alive_all_the_same() -> None:
    health = Health()
    health.check("kafka").fail("away")

    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/health/live")).status_code == 200
        assert "python_info" in (await client.get("/metrics")).text
        assert (await client.get("/elsewhere")).status_code == 404

    _with_server(health, ask)


def test_a_taken_port_is_told_with_what_to_do() -> None:
    async def main() -> None:
        first = await serve_ops("127.0.0.1", 0, Health())
        try:
            with pytest.raises(Unavailable, match=f"{first.port}.*free it or name another"):
                await serve_ops("127.0.0.1", first.port, Health())
        finally:
            await first.close()

    asyncio.run(main())
