"""A served application without Kafka or PostgreSQL, and clients that speak plain sockets to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from twilight.api.call import Call, Services
from twilight.api.http import Cors, HttpApp, HttpLimits
from twilight.api.jsonrpc import Core
from twilight.api.listeners import Listeners, bind
from twilight.api.methods.streams import streams
from twilight.api.registry import Registry
from twilight.api.stream.hub import Hub
from twilight.api.stream.polled import feeds
from twilight.api.stream.protocol import SocketSettings, protocol_class
from twilight.ops.health import Health


def small_registry() -> Registry:
    methods = Registry()

    @methods.method("echo")
    async def echo(_call: Call, *, text: str) -> str:
        return text

    @methods.method("relayer")
    async def relayer(call: Call) -> str | None:
        return call.header(b"relayer")

    @methods.method("wait")
    async def wait(_call: Call, *, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "waited"

    return methods


@dataclass
class Served:
    listeners: Listeners
    hub: Hub
    health: Health

    @property
    def port(self) -> int:
        return self.listeners.ports[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"


@dataclass
class Options:
    cors: Cors = field(default_factory=Cors)
    limits: HttpLimits = field(default_factory=HttpLimits)
    ping_interval_s: float = 60.0


@contextlib.asynccontextmanager
async def served(options: Options | None = None) -> AsyncIterator[Served]:
    """Serve the small registry on two free ports: the main one, and one with `/` as the RPC path."""
    options = options or Options()
    listeners = bind(["127.0.0.1:0", "127.0.0.1:0"])
    hub, health = Hub(), Health()
    feeds(hub)
    services: Any = Services(None, None, None, hub)  # type: ignore[arg-type]
    rpc = Core(small_registry())
    app = HttpApp(
        services,
        {"/api": rpc, "/ws": Core(small_registry().include(streams))},
        health,
        {listeners.ports[1]: rpc},
        options.cors,
        options.limits,
        listeners.connections,
    )
    settings = SocketSettings(services, app.core_for, options.ping_interval_s)
    await listeners.serve(app, protocol_class(settings), 1.0)
    try:
        yield Served(listeners, hub, health)
    finally:
        await listeners.close()
