"""What every path answers: is the service there, what time is it, which methods are there."""

import time
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from twilight.api.call import Call
from twilight.api.registry import Registry

health = Registry()
order_system = Registry()

_NS_PER_US = 1_000


class HealthCheck(Struct, frozen=True):
    """The service answers; ``timestamp`` in microseconds since the epoch."""

    status: Literal["ok"]
    timestamp: int


class ServerTime(Struct, frozen=True):
    """The clock in both forms of the older order API; ``epoch`` in microseconds as text."""

    iso: str
    epoch: str


@health.method("healthcheck")
async def healthcheck(call: Call) -> HealthCheck:
    """Return that the service is there."""
    del call
    return HealthCheck("ok", time.time_ns() // _NS_PER_US)


@order_system.method("GetServerTime")
async def get_server_time(call: Call) -> ServerTime:
    """Return the server's clock, as text with nine decimals and as microseconds."""
    del call
    ns = time.time_ns()
    seconds, fraction = divmod(ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return ServerTime(f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:09d}+00:00", str(ns // _NS_PER_US))
