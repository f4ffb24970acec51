"""What the small processes of this room share: an operations port around their work."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from twilight.ops.health import Health, serve_ops
from twilight.ops.settings import Settings, host_port, load


class StopSignal(Protocol):
    """The part of `ops.lifecycle.Stop` that is used here."""

    def wait(self) -> Awaitable[object]:
        """Return once the process is told to stop."""


async def with_ops(health: Health, work: Callable[[Health], Awaitable[None]]) -> None:
    """Do the work while `OPS_ADDR` serves the health of it.

    Raises:
        Unavailable: the port is taken.
    """
    ops = await serve_ops(*host_port(load(Settings).ops_addr), health)
    try:
        await work(health)
    finally:
        await ops.close()
